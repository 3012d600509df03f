module closures

go 1.21
