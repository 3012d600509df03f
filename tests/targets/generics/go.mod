module generics

go 1.21
