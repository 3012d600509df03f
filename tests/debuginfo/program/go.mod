module example.com/debug.info/program

go 1.24
