module example.com/calling

go 1.21
