// Keeping holds values of types of which a spec keeps some fields, reached in every way.
//
// It prints "ready {}" and ends with its input.
package main

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"sync"
)

type base struct {
	zone string
	rank *int
}

type work struct {
	processing bool
	queue      []string
}

type clientState struct {
	base
	clientID string
	mu       work
	from     *conn
	other    any
	next     *clientState
}

type conn struct {
	id   int
	peer *peer
	raw  []byte
}

type peer struct {
	addr string
	via  *conn
}

// noise is a value that nobody wants to see.
type noise struct {
	text string
	more *noise
}

type holder struct {
	state clientState
	noise noise
	link  *url.URL
}

type list[T any] struct {
	value T
	next  *list[T]
	spare []T
}

var (
	forever = make(chan int)
	parked  sync.WaitGroup
	rank    = 3
	kept    = &clientState{clientID: "global"}
)

//go:noinline
func use(...any) {}

//go:noinline
func park() {
	parked.Done()
	<-forever
}

//go:noinline
func static(cs *clientState, h *holder, numbers *list[int]) {
	park()
	use(cs, h, numbers)
}

//go:noinline
func dynamic(v *[6]any) {
	park()
	use(v)
}

//go:noinline
func many(all []clientState, byName map[string]*clientState, array *[2]conn, waiting chan clientState) {
	park()
	use(all, byName, array, waiting)
}

func client(name string, next *clientState) *clientState {
	one := &peer{addr: name + ":1", via: &conn{id: 9}}
	from := &conn{id: len(name), peer: one, raw: []byte(name)}
	return &clientState{base{"eu", &rank}, name, work{true, []string{"job"}}, from, noise{text: name}, next}
}

func main() {
	parked.Add(3)
	second := client("second", nil)
	first := client("first", second)
	second.next = first
	link, _ := url.Parse("https://user:secret@example.com/path?q=1")
	numbers := &list[int]{1, &list[int]{value: 2}, []int{7}}
	go static(first, &holder{*second, noise{"loud", &noise{"louder", nil}}, link}, numbers)
	go dynamic(&[6]any{first, *second, &holder{state: *second}, []*clientState{first}, numbers, map[string]any{"k": *first}})
	waiting := make(chan clientState, 1)
	waiting <- *first
	go many([]clientState{*first, *second}, map[string]*clientState{"a": second}, &[2]conn{*first.from}, waiting)
	parked.Wait()
	fmt.Println("ready {}")
	bufio.NewReader(os.Stdin).ReadString('\n')
	use(kept)
}
