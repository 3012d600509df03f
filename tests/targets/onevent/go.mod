module onevent

go 1.21
