// Maps holds maps of every size and sort in the variables of a function that waits, and says what is in them.
//
// It prints "ready {EXPRESSION: VALUE}", with "$status" where there is nothing, and ends with its input.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unsafe"
)

type (
	region  string
	level   int8
	switch_ bool
)

type entry struct {
	ID   int
	Name string
	More map[string]int
}

type large struct {
	Pad  [20]int64
	Name string
}

type config struct{ tags map[region]string }

type server struct {
	cfg     *config
	Counts  map[string]int
	ByID    map[int]string
	Levels  map[level]string
	Flags   map[bool]int
	Named   map[switch_]string
	Small   map[uint8]uint16
	Wide    map[uint64]int
	Runes   map[rune]string
	Waits   map[time.Duration]string
	Regions map[region]entry
	Behind  map[string]*entry
	Nested  map[string]map[string]int
	Large   map[string]large
	Set     map[string]struct{}
	Any     map[string]any
	Pointer *map[string]int
	Empty   map[string]int
	None    map[string]int
	One     map[string]int
	Eight   map[int]int
	Nine    map[int]int
	Alike   map[string]int
	Growing map[int]int
	Chained map[int]int
	Million map[string]int
	Deleted map[int]int
	Written map[string]int
	Arrays  map[string][3]int16
	Slices  map[string][]string
	Funcs   map[string]func()
	Endless map[string]int
	Held    any
}

var (
	forever = make(chan int)
	parked  sync.WaitGroup
	truth   = map[string]any{}
	limits  = map[string]map[int]string{"cpu": {1: "low", 2: "high"}}
	missing = map[string]string{"$status": "absent"}
	null    = map[string]string{"$status": "nil"}
)

//go:noinline
func use(...any) {}

// at says what m holds under a key, written as expression says.
func at[K comparable, V any](expression string, m map[K]V, key K) {
	value, ok := m[key]
	switch {
	case m == nil:
		truth[expression] = null
	case !ok:
		truth[expression] = missing
	default:
		truth[expression] = value
	}
}

func numbers(n int, drop func(int) bool) map[int]int {
	m := map[int]int{}
	for i := 0; i < n; i++ {
		m[i] = i * 7
	}
	for i := 0; i < n; i++ {
		if drop(i) {
			delete(m, i)
		}
	}
	return m
}

func texts(n int, format string) map[string]int {
	m := map[string]int{}
	for i := 0; i < n; i++ {
		m[fmt.Sprintf(format, i)] = i
	}
	return m
}

// chained is a map made for more entries than it was made for: up to Go 1.23 buckets overflow.
func chained() map[int]int {
	m := make(map[int]int, 13)
	for i := 0; i < 26; i++ {
		m[i*1024] = i
	}
	return m
}

// written marks a map as being written, as the runtime does while it is.
func written(swiss bool) map[string]int {
	m := map[string]int{"a": 1, "b": 2}
	header := *(*unsafe.Pointer)(unsafe.Pointer(&m))
	if swiss {
		*(*byte)(unsafe.Add(header, 34)) = 1
	} else {
		*(*byte)(unsafe.Add(header, 8)) |= 4
	}
	return m
}

// endless is memory that looks like a map whose walk never ends: of tables without entries by turns, or of a bucket that
// overflows into itself.
func endless(swiss bool) map[string]int {
	header := make([]uintptr, 8)
	made = append(made, header)
	header[0] = 1
	if swiss {
		group := make([]uint64, 64)
		group[0] = 0x8080808080808080
		tables, first, second := make([]uintptr, 1<<18), make([]uintptr, 4), make([]uintptr, 4)
		made = append(made, tables, first, second)
		kept = append(kept, group)
		first[2], second[2] = uintptr(unsafe.Pointer(&group[0])), uintptr(unsafe.Pointer(&group[0]))
		for i := range tables {
			tables[i] = uintptr(unsafe.Pointer(&[][]uintptr{first, second}[i&1][0]))
		}
		header[2], header[3] = uintptr(unsafe.Pointer(&tables[0])), uintptr(len(tables))
	} else {
		bucket := make([]uintptr, 26)
		made = append(made, bucket)
		bucket[25] = uintptr(unsafe.Pointer(&bucket[0]))
		header[2] = uintptr(unsafe.Pointer(&bucket[0]))
	}
	pointer := unsafe.Pointer(&header[0])
	return *(*map[string]int)(unsafe.Pointer(&pointer))
}

var (
	made [][]uintptr
	kept [][]uint64
)

//go:noinline
func holds(s *server, n int) {
	park()
	use(s)
	useInt(n)
}

//go:noinline
func useInt(int) {}

//go:noinline
func park() {
	parked.Done()
	<-forever
}

func main() {
	swiss := len(os.Args) > 1 && os.Args[1] == "swiss"
	counts := map[string]int{"": 5, "a": 1, "ab": 2, "b": 3, strings.Repeat("x", 100): 100, strings.Repeat("y", 3000): 3000}
	s := &server{
		cfg:    &config{map[region]string{"region": "eu", "zone": "b"}},
		Counts: counts, ByID: map[int]string{5: "five", -5: "minus five", 1 << 40: "large"},
		Levels: map[level]string{-3: "low", 127: "top"}, Flags: map[bool]int{true: 1}, Named: map[switch_]string{false: "off"},
		Small: map[uint8]uint16{200: 2000, 7: 70}, Wide: map[uint64]int{1<<64 - 1: 64, 1: 1},
		Runes: map[rune]string{'ä': "umlaut"}, Waits: map[time.Duration]string{5 * time.Second: "five"},
		Regions: map[region]entry{"eu": {1, "one", map[string]int{"deep": 9}}, "us": {2, "two", nil}},
		Behind:  map[string]*entry{"a": {3, "three", nil}, "nil": nil},
		Nested:  map[string]map[string]int{"a": {"b": 4}, "nil": nil},
		Large:   map[string]large{"a": {[20]int64{1, 2, 3}, "large"}, "b": {Name: "other"}},
		Set:     map[string]struct{}{"there": {}}, Any: map[string]any{"i": 6, "s": "six", "e": &entry{7, "seven", nil}},
		Pointer: &counts, Empty: map[string]int{}, One: map[string]int{"one": 1},
		Eight: numbers(8, func(int) bool { return false }), Nine: numbers(9, func(int) bool { return false }),
		Alike: texts(1000, "key-%06d"), Growing: numbers(6660, func(int) bool { return false }), Chained: chained(),
		Million: texts(100_000, "user-%06d"), Deleted: numbers(100_000, func(i int) bool { return i%3 == 0 }),
		Written: written(swiss), Arrays: map[string][3]int16{"a": {1, 2, 3}}, Slices: map[string][]string{"a": {"b", "c"}},
		Funcs: map[string]func(){"nil": nil}, Endless: endless(swiss),
	}
	s.Held = []string{"first", "second", "third"}
	at(`s.cfg.tags["region"]`, s.cfg.tags, "region")
	at(`s.cfg.tags["zone"]`, s.cfg.tags, "zone")
	at(`s.cfg.tags["nowhere"]`, s.cfg.tags, "nowhere")
	at(`s.Counts[""]`, s.Counts, "")
	at(`s.Counts["a"]`, s.Counts, "a")
	at(`s.Counts["ab"]`, s.Counts, "ab")
	at(`s.Counts["b"]`, s.Counts, "b")
	at(`s.Counts["c"]`, s.Counts, "c")
	at(fmt.Sprintf("s.Counts[%q]", strings.Repeat("x", 100)), s.Counts, strings.Repeat("x", 100))
	at(fmt.Sprintf("s.Counts[%q]", strings.Repeat("x", 99)+"y"), s.Counts, strings.Repeat("x", 99)+"y")
	at(fmt.Sprintf("s.Counts[%q]", strings.Repeat("y", 3000)), s.Counts, strings.Repeat("y", 3000))
	at(`s.ByID[5]`, s.ByID, 5)
	at(`s.ByID[-5]`, s.ByID, -5)
	at(`s.ByID[1 << 40]`, s.ByID, 1<<40)
	at(`s.ByID[2 + 3]`, s.ByID, 5)
	at(`s.ByID[0]`, s.ByID, 0)
	at(`s.Levels[-3]`, s.Levels, -3)
	at(`s.Levels[127]`, s.Levels, 127)
	at(`s.Levels[-1]`, s.Levels, -1)
	at(`s.Flags[true]`, s.Flags, true)
	at(`s.Flags[false]`, s.Flags, false)
	at(`s.Named[false]`, s.Named, false)
	at(`s.Named[1 > 2]`, s.Named, 1 > 2)
	at(`s.Small[200]`, s.Small, 200)
	at(`s.Small[8]`, s.Small, 8)
	at(`s.Wide[18446744073709551615]`, s.Wide, 1<<64-1)
	at(`s.Runes['ä']`, s.Runes, 'ä')
	at(`s.Waits[5s]`, s.Waits, 5*time.Second)
	at(`s.Waits[6s]`, s.Waits, 6*time.Second)
	truth[`s.Regions["eu"].ID`] = s.Regions["eu"].ID
	truth[`s.Regions["us"].Name`] = s.Regions["us"].Name
	truth[`s.Regions["us"].Name[1:]`] = s.Regions["us"].Name[1:]
	truth[`s.Regions["eu"].More["deep"]`] = s.Regions["eu"].More["deep"]
	truth[`s.Regions["us"].More["deep"]`] = null
	truth[`s.Regions["cn"].More["deep"]`] = missing
	truth[`s.Behind["a"].Name`] = s.Behind["a"].Name
	truth[`s.Behind["nil"]`] = null
	truth[`s.Behind["nil"].Name`] = null
	truth[`s.Behind["b"].Name`] = missing
	truth[`s.Nested["a"]["b"]`] = s.Nested["a"]["b"]
	truth[`s.Nested["nil"]["b"]`] = null
	truth[`s.Nested["b"]["b"]`] = missing
	truth[`s.Large["a"].Name`] = s.Large["a"].Name
	truth[`s.Large["a"].Pad[2]`] = s.Large["a"].Pad[2]
	truth[`s.Large["b"].Name`] = s.Large["b"].Name
	truth[`s.Large["c"].Name`] = missing
	truth[`s.Any["i"].(int)`] = s.Any["i"]
	truth[`s.Any["s"].(string)`] = s.Any["s"]
	truth[`s.Any["e"].(*main.entry).Name`] = "seven"
	truth[`s.Any["i"].(string)`] = missing
	truth[`(*s.Pointer)["ab"]`] = (*s.Pointer)["ab"]
	truth[`len(s.Slices["a"])`] = len(s.Slices["a"])
	truth[`s.Slices["a"][1:]`] = s.Slices["a"][1:]
	truth[`s.Slices["a"][1]`] = s.Slices["a"][1]
	truth[`s.Slices["b"][1]`] = missing
	truth[`s.Arrays["a"][2]`] = s.Arrays["a"][2]
	truth[`s.Arrays["a"][n]`] = s.Arrays["a"][1]
	truth[`s.Counts["a"] + s.Counts["ab"] == 3`] = true
	truth[`s.Counts["nope"] == 1 || s.Counts["a"] == 1`] = missing
	truth[`s.Set["there"]`] = "{}"
	truth[`s.Set["where"]`] = missing
	truth[`s.Funcs["nil"] == nil`] = true
	at(`s.Empty["a"]`, s.Empty, "a")
	at(`s.None["a"]`, s.None, "a")
	at(`s.One["one"]`, s.One, "one")
	at(`s.One["two"]`, s.One, "two")
	for _, i := range []int{0, 7, 8} {
		at(fmt.Sprintf("s.Eight[%d]", i), s.Eight, i)
		at(fmt.Sprintf("s.Nine[%d]", i), s.Nine, i)
	}
	at(`s.Nine[9]`, s.Nine, 9)
	for _, i := range []int{0, 1, 500, 999, 1000} {
		key := fmt.Sprintf("key-%06d", i)
		at(fmt.Sprintf("s.Alike[%q]", key), s.Alike, key)
	}
	for _, i := range []int{0, 1, 100, 3333, 6658, 6659, 6660} {
		at(fmt.Sprintf("s.Growing[%d]", i), s.Growing, i)
	}
	for _, i := range []int{0, 3 * 1024, 25 * 1024, 26 * 1024} {
		at(fmt.Sprintf("s.Chained[%d]", i), s.Chained, i)
	}
	for _, i := range []int{0, 77_777, 99_999, 100_000} {
		key := fmt.Sprintf("user-%06d", i)
		at(fmt.Sprintf("s.Million[%q]", key), s.Million, key)
	}
	for _, i := range []int{0, 1, 50_000, 50_001, 99_998, 99_999, 100_000} {
		at(fmt.Sprintf("s.Deleted[%d]", i), s.Deleted, i)
	}
	if !swiss {
		header := *(*unsafe.Pointer)(unsafe.Pointer(&s.Growing))
		if *(*unsafe.Pointer)(unsafe.Add(header, 24)) == nil {
			panic("the map that is to be growing isn't")
		}
	}
	truth[`s.Written["b"]`] = 2
	truth[`s.Written["c"]`] = missing
	at(`global "main.limits"["cpu"][2]`, limits["cpu"], 2)
	at(`global "main.limits"["gpu"]`, limits, "gpu")

	parked.Add(1)
	go holds(s, 1)
	parked.Wait()
	told, _ := json.Marshal(truth)
	fmt.Println("ready " + string(told))
	bufio.NewReader(os.Stdin).ReadString('\n')
	use(limits, made, kept)
}
