// Holds values of structs with tags, many of which Go doesn't describe to its runtime since none is in an interface or
// made on the heap: in every kind of place that a variable can have them in.
//
// Texts in fields with tags are "secret-N-secret", others "kept-N-kept"; neither is in the executable. It prints
// "ready {"secrets": HOW MANY}" once all of them are in place. End of input ends it.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"text/users"
)

type derived struct {
	users.Base
	kept string
}

type linked struct {
	card string `sensitive:"true"`
	next *linked
}

type array struct{ all [2]users.User }

var (
	planted int
	secrets int
	global  users.User
	globals map[string]*users.User
)

func text(begin string) string {
	planted++
	return begin + "-" + strconv.Itoa(planted) + "-" + begin
}

func secret() string {
	secrets++
	return text("secret")
}

func user() users.User { return users.User{planted, secret()} }

//go:noinline
func hold(ready, parked chan bool, kept string, byValue users.User, byPointer *users.User) (result users.User) {
	result = user()
	local, slice, arrays := user(), []users.User{user()}, array{[2]users.User{user(), user()}}
	byKey, keyed := map[string]users.User{"a": user()}, map[users.User]int{user(): 1}
	channel := make(chan users.User, 1)
	channel <- user()
	deriv := derived{users.Base{[3]string{secret(), secret(), secret()}}, text("kept")}
	chain := &linked{secret(), &linked{secret(), nil}}
	generic, pointer := users.Of[string]{planted, secret()}, &users.Of[[2]string]{planted, [2]string{secret(), secret()}}
	nameless := struct {
		ID   int
		Card string `sensitive:"true"`
	}{planted, secret()}
	type inFunction struct {
		Card string `sensitive:"true"`
	}
	inside := inFunction{secret()}
	note, notes := users.Note{planted, secret()}, [2]users.Note{{planted, secret()}, {planted, secret()}}
	nested := struct{ note users.Note }{users.Note{planted, secret()}}
	captured, reference := user(), user()
	closure := func() string { return captured.Card }
	byReference := func() { reference.ID++ }
	double := &byPointer
	pairs := [][]map[int]*users.User{{{1: byPointer}}}

	ready <- true
	<-parked
	byReference()
	println(result.Card, local.Card, slice[0].Card, arrays.all[planted&1].Card, byKey["a"].Card, len(keyed), len(channel))
	println(deriv.Card[planted&1], deriv.kept, chain.next.card, generic.Value, pointer.Value[planted&1], nameless.Card)
	println(inside.Card, closure(), (*double).ID, len(pairs), kept, byValue.Card, global.Card, len(globals))
	println(note.Card, notes[planted&1].Card, nested.note.Card)
	runtime.KeepAlive(&reference)
	return result
}

//go:noinline
func each[T any](ready, parked chan bool, value T, of users.Of[T], use func(T)) {
	ready <- true
	<-parked
	use(value)
	use(of.Value)
}

func main() {
	global, globals = user(), map[string]*users.User{}
	inMap, byPointer := user(), user()
	globals["a"] = &inMap
	ready, parked := make(chan bool), make(chan bool)
	go hold(ready, parked, text("kept"), user(), &byPointer)
	go each(ready, parked, user(), users.Of[users.User]{1, user()}, func(u users.User) { println(u.Card) })
	for i := 0; i < 2; i++ {
		<-ready
	}
	fmt.Printf("ready {\"secrets\": %d}\n", secrets)
	io.Copy(io.Discard, os.Stdin)
	parked <- true
}
