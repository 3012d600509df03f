module events

go 1.21
