// Parts holds slices, strings, arrays and channels in the variables of a function that waits, and says what expressions
// over them give.
//
// It prints "ready {EXPRESSION: VALUE}", "absent" under "$status" where Go panics, and ends with its input.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

type pair struct {
	ID   int32
	Name string
}

type text string

type holder struct {
	Slice  []int
	Pairs  []pair
	Text   text
	Array  [6]int16
	Behind *[6]int16
	One    [1]string
	None   [0]int
	Bytes  []byte
	Empty  []string
	Nil    []int
	Rows   [][]int
	Wide   []struct{}
	Chan   chan string
	Hand   chan int
	NoChan chan int
	Map    map[string]int
	NoMap  map[int]bool
	Inner  *holder
}

var (
	forever = make(chan int)
	parked  sync.WaitGroup
	truth   = map[string]any{}
	global  = opaque([]pair{{1, "one"}, {2, "two"}, {3, "three"}})
)

//go:noinline
func opaque[T any](value T) T { return value }

//go:noinline
func use(...any) {}

//go:noinline
func useInts(int, int8, uint64, int) {}

func tell(expression string, value func() any) {
	defer func() {
		if recover() != nil {
			truth[expression] = map[string]string{"$status": "absent"}
		}
	}()
	truth[expression] = value()
}

//go:noinline
func park() {
	parked.Done()
	<-forever
}

// holds has its variables in memory, each whole.
//
//go:noinline
func holds(h *holder, i int, small int8, big uint64, minus int) {
	tell("h.Slice[1:3]", func() any { return h.Slice[1:3] })
	tell("h.Slice[:2]", func() any { return h.Slice[:2] })
	tell("h.Slice[3:]", func() any { return h.Slice[3:] })
	tell("h.Slice[:]", func() any { return h.Slice[:] })
	tell("h.Slice[2:][0]", func() any { return h.Slice[2:][0] })
	tell("h.Slice[2:][i]", func() any { return h.Slice[2:][i] })
	tell("h.Slice[i]", func() any { return h.Slice[i] })
	tell("h.Slice[small]", func() any { return h.Slice[small] })
	tell("h.Slice[i * 2 + 1]", func() any { return h.Slice[i*2+1] })
	tell("h.Slice[big]", func() any { return h.Slice[big] })
	tell("h.Slice[minus]", func() any { return h.Slice[minus] })
	tell("h.Slice[len(h.Slice) - 1]", func() any { return h.Slice[len(h.Slice)-1] })
	tell("h.Slice[5]", func() any { return h.Slice[5+0*i] })
	tell("h.Slice[4:7]", func() any { return h.Slice[4:7] })
	tell("h.Slice[4:10]", func() any { return h.Slice[4 : 10+0*i] })
	tell("h.Slice[9:]", func() any { return h.Slice[9:] })
	tell("h.Slice[i:small]", func() any { return h.Slice[i:small] })
	tell("h.Slice[minus:]", func() any { return h.Slice[minus:] })
	tell("h.Slice[:big]", func() any { return h.Slice[:big] })
	tell("h.Slice[1:2:3]", func() any { return h.Slice[1:2:3] })
	tell("h.Slice[1:2:i]", func() any { return h.Slice[1:2:i] })
	tell("h.Slice[1:3][1:]", func() any { return h.Slice[1:3][1:] })
	tell("h.Slice[1:3][:6]", func() any { return h.Slice[1:3][:6] })
	tell("h.Slice[1:3:4][:6]", func() any { return h.Slice[1:3:4][:6+0*i] })
	tell("len(h.Slice[1:])", func() any { return len(h.Slice[1:]) })
	tell("cap(h.Slice[1:])", func() any { return cap(h.Slice[1:]) })
	tell("cap(h.Slice[1:2:4])", func() any { return cap(h.Slice[1:2:4]) })
	tell("cap(h.Slice[1:3][1:])", func() any { return cap(h.Slice[1:3][1:]) })
	tell("h.Pairs[1:][0].Name", func() any { return h.Pairs[1:][0].Name })
	tell("h.Pairs[i].ID", func() any { return h.Pairs[i].ID })
	tell("h.Pairs[:1]", func() any { return h.Pairs[:1] })
	tell("h.Pairs[1].Name[1:]", func() any { return h.Pairs[1].Name[1:] })
	tell("h.Pairs[0].Name[:1] == h.Pairs[1].Name[:1]", func() any { return h.Pairs[0].Name[:1] == h.Pairs[1].Name[:1] })
	tell("h.Text[2:5]", func() any { return h.Text[2:5] })
	tell("h.Text[i:]", func() any { return h.Text[i:] })
	tell("h.Text[:0]", func() any { return h.Text[:0] })
	tell("h.Text[:99]", func() any { return h.Text[:99+0*i] })
	tell("h.Text[i]", func() any { return h.Text[i] })
	tell(`h.Text[:4] == "some"`, func() any { return h.Text[:4] == "some" })
	tell(`h.Text[i:4] == "some"`, func() any { return h.Text[i:4] == "some" })
	tell("len(h.Text[3:])", func() any { return len(h.Text[3:]) })
	tell("h.Array[1:4]", func() any { return h.Array[1:4] })
	tell("h.Array[:i]", func() any { return h.Array[:i] })
	tell("h.Array[6:]", func() any { return h.Array[6:] })
	tell("h.Array[i]", func() any { return h.Array[i] })
	tell("h.Array[big]", func() any { return h.Array[big] })
	tell("cap(h.Array[2:4])", func() any { return cap(h.Array[2:4]) })
	tell("cap(h.Array[2:4:5])", func() any { return cap(h.Array[2:4:5]) })
	tell("h.Behind[2:]", func() any { return h.Behind[2:] })
	tell("h.Behind[i]", func() any { return h.Behind[i] })
	tell("h.Behind[4:][i - 1]", func() any { return h.Behind[4:][i-1] })
	tell("h.One[i - 2]", func() any { return h.One[i-2] })
	tell("h.One[i]", func() any { return h.One[i] })
	tell("h.One[:]", func() any { return h.One[:] })
	tell("h.None[:]", func() any { return h.None[:] })
	tell("h.Bytes[1:3][1]", func() any { return h.Bytes[1:3][1] })
	tell("h.Empty[:]", func() any { return h.Empty[:] })
	tell("h.Empty[1:]", func() any { return h.Empty[1+0*i:] })
	tell("h.Rows[1][1:]", func() any { return h.Rows[1][1:] })
	tell("h.Rows[1:][0][i]", func() any { return h.Rows[1:][0][i] })
	tell("len(h.Wide[1:])", func() any { return len(h.Wide[1:]) })
	tell("h.Inner.Slice[i:][0]", func() any { return h.Inner.Slice[i:][0] })
	tell("len(h.Slice)", func() any { return len(h.Slice) })
	tell("cap(h.Slice)", func() any { return cap(h.Slice) })
	tell("len(h.Text)", func() any { return len(h.Text) })
	tell("len(h.Array)", func() any { return len(h.Array) })
	tell("cap(h.Array)", func() any { return cap(h.Array) })
	tell("len(h.Behind)", func() any { return len(h.Behind) })
	tell("cap(h.Behind)", func() any { return cap(h.Behind) })
	tell("len(h.Nil)", func() any { return len(h.Nil) })
	tell("cap(h.Nil)", func() any { return cap(h.Nil) })
	tell("len(h.Chan)", func() any { return len(h.Chan) })
	tell("cap(h.Chan)", func() any { return cap(h.Chan) })
	tell("len(h.Hand)", func() any { return len(h.Hand) })
	tell("cap(h.Hand)", func() any { return cap(h.Hand) })
	tell("len(h.NoChan)", func() any { return len(h.NoChan) })
	tell("cap(h.NoChan)", func() any { return cap(h.NoChan) })
	tell("len(h.Map)", func() any { return len(h.Map) })
	tell("len(h.NoMap)", func() any { return len(h.NoMap) })
	park()
	useInts(i, small, big, minus)
	use(h)
}

func main() {
	parked.Add(1)
	h := &holder{
		Slice: append(make([]int, 0, 9), 10, 11, 12, 13, 14), Pairs: []pair{{1, "first"}, {2, "fourth"}, {3, "third"}},
		Text: "some text", Array: [6]int16{1, 2, 3, 4, 5, 6}, Behind: &[6]int16{-1, -2, -3, -4, -5, -6},
		One: [1]string{"only"}, Bytes: []byte("abc"), Empty: []string{}, Rows: [][]int{{1}, {2, 3, 4}},
		Wide: make([]struct{}, 4), Chan: make(chan string, 4), Hand: make(chan int), Map: map[string]int{"a": 1, "b": 2},
	}
	h.Inner = h
	h.Chan <- "one"
	h.Chan <- "two"
	tell(`global "main.global"[1:][1].Name`, func() any { return global[1:][1].Name })
	tell(`global "main.global"[:2]`, func() any { return global[:2] })
	go holds(h, opaque(2), opaque(int8(4)), opaque(uint64(1<<63)), opaque(-1))
	parked.Wait()
	told, _ := json.Marshal(truth)
	fmt.Println("ready " + string(told))
	bufio.NewReader(os.Stdin).ReadString('\n')
	use(global)
}
