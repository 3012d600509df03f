module example.com/randomcalls

go 1.21
