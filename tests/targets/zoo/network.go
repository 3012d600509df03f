package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
)

// kept holds what a finalizer would otherwise close.
var kept struct {
	sync.Mutex
	open []any
}

func keep[T any](file T, err error) T {
	must(file, err)
	kept.Lock()
	defer kept.Unlock()
	kept.open = append(kept.open, file)
	return file
}

func startNetwork() {
	start(accept, pollPipe, connRead, serveHTTP)
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "zoo:", err)
		os.Exit(1)
	}
	return value
}

func accept() {
	listener := keep(net.Listen("tcp", "127.0.0.1:0"))
	arrived.Done()
	listener.Accept()
}

// pollPipe reads a pipe through the network poller.
func pollPipe() {
	r, w, err := os.Pipe()
	keep(w, err)
	arrived.Done()
	r.Read(make([]byte, 1))
}

func connRead() {
	listener := keep(net.Listen("tcp", "127.0.0.1:0"))
	conn := keep(net.Dial("tcp", listener.Addr().String()))
	arrived.Done()
	bufio.NewReader(conn).ReadString('\n')
}

// serveHTTP leaves the goroutines of a server with one request in its handler, and of the client waiting for it.
func serveHTTP() {
	listener := keep(net.Listen("tcp", "127.0.0.1:0"))
	mux := http.NewServeMux()
	mux.HandleFunc("/slow/", func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		<-forever
	})
	go http.Serve(listener, mux)
	http.Get("http://" + listener.Addr().String() + "/slow/request")
}
