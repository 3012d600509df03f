// Named like a folder of the standard library, which nothing forbids.
module text

go 1.21
