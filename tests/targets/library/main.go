// What the files of sey's library are about, held at places that are known: requests on their way over HTTP, statements in a
// driver and waiting for a connection, locks, and contexts that somebody watches.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
	"unsafe"
)

type handler struct{ hold chan struct{} }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == "PUT" {
		w.WriteHeader(http.StatusAccepted)
	}
	<-h.hold
}

// listen answers an address where somebody listens; what comes there is for serve.
func listen(serve func(net.Listener)) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go serve(listener)
	return listener.Addr().String()
}

func silent(listener net.Listener) {
	for {
		if _, err := listener.Accept(); err != nil {
			return
		}
	}
}

func send(method, url string) {
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", "Bearer key-to-everything")
	http.DefaultClient.Do(request)
}

type ownContext struct{ context.Context }

func (ownContext) Done() <-chan struct{} { return make(chan struct{}) }

var (
	first, second sync.Mutex
	group         sync.WaitGroup
	cancels       []context.CancelFunc
)

func locks() {
	first.Lock()
	second.Lock()
	group.Add(1)
	for i := 0; i < 3; i++ {
		go first.Lock()
	}
	go second.Lock()
	go group.Wait()
}

func main() {
	held := listen(func(l net.Listener) { http.Serve(l, &handler{make(chan struct{})}) })
	unanswered := listen(silent)
	go send("PUT", "http://"+held+"/items/1?q=2")
	go send("POST", "http://"+held+"/orders")
	go send("GET", "http://"+unanswered+"/slow")
	statements()
	locks()
	for i := 0; i < 4; i++ {
		_, cancel := context.WithCancel(ownContext{context.Background()})
		cancels = append(cancels, cancel)
	}
	time.Sleep(time.Second)
	fmt.Fprintf(os.Stdout, "ready {\"held\": %q, \"unanswered\": %q, \"first\": %d, \"second\": %d}\n",
		held, unanswered, uintptr(unsafe.Pointer(&first)), uintptr(unsafe.Pointer(&second)))
	select {}
}
