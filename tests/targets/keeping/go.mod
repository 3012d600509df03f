module example.com/keeping

go 1.21
