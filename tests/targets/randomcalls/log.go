// Part of programs that tests make up (tests/support/gocalls.py): random values, and a log of the calls that got them.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
	"unsafe"
)

// call is one call as its caller knows it. Values have the form that captured ones have, those of a call that panicked
// are none. Returned counts the returns of its goroutine.
type call struct {
	Function int   `json:"function"`
	Given    []any `json:"given"`
	Results  []any `json:"results"`
	Returned int   `json:"returned"`
	Took     int64 `json:"took"`
	began    time.Time
}

// caller is a goroutine that calls.
type caller struct {
	Goid     int64   `json:"goid"`
	Calls    []*call `json:"calls"`
	Notes    []noted `json:"notes"`
	rng      *rand.Rand
	returned int
	depth    int
}

var (
	callers sync.Map // by goid
	count   atomic.Int64
	kept    any
	grown   int
)

func goid() int64 {
	var room [64]byte
	fields := strings.Fields(string(room[:runtime.Stack(room[:], false)]))
	number, _ := strconv.ParseInt(fields[1], 10, 64)
	return number
}

// here is the caller whose goroutine runs this.
func here() *caller {
	found, _ := callers.Load(goid())
	return found.(*caller)
}

func (c *caller) begin(function int, given ...any) *call {
	c.depth++
	made := &call{Function: function, Given: given, began: time.Now()}
	c.Calls = append(c.Calls, made)
	return made
}

func (c *caller) end(made *call, results ...any) {
	c.returned++
	made.Results, made.Returned, made.Took = results, c.returned, time.Since(made.began).Nanoseconds()
}

// noted is a line that ran, with variables there.
type noted struct {
	Number int   `json:"number"`
	Values []any `json:"values"`
}

// note tells of variables where it is called.
//
//go:noinline
func note(number int, values ...any) {
	c := here()
	shown := make([]any, len(values))
	for i, value := range values {
		shown[i] = none
		if value != nil {
			shown[i] = tree(reflect.ValueOf(value))
		}
	}
	c.Notes = append(c.Notes, noted{number, shown})
}

// caught is deferred by whoever calls: a panic ends there, unless it is to go further.
func (c *caller) caught() {
	c.depth--
	if r := recover(); r != nil && c.depth > 0 && c.rng.Intn(2) == 0 {
		panic(r)
	}
}

// chance is true once in so many times.
func (c *caller) chance(in int) bool { return c.rng.Intn(in) == 0 }

// mk makes a value.
//
//go:noinline
func mk[T any]() (made T) {
	fill(rand.New(rand.NewSource(count.Add(1))), reflect.ValueOf(&made).Elem(), 0)
	return made
}

// given makes a value for a call.
func given[T any](c *caller) (made T) {
	fill(c.rng, reflect.ValueOf(&made).Elem(), 0)
	return made
}

//go:noinline
func use[T any](value T) { count.Add(int64(unsafe.Sizeof(value))) }

//go:noinline
func leak[T any](variable *T) { kept = variable }

// grow takes stack, by which it moves.
//
//go:noinline
func grow(n int) byte {
	var room [512]byte
	room[n%512] = byte(n)
	if n > 0 {
		room[1] += grow(n - 1)
	}
	return room[n%512]
}

type custom struct{ Code int }

func (c custom) Error() string { return fmt.Sprint("code ", c.Code) }

type pair struct {
	Left  string
	Right int32
}

func fnA(x int) int { return x + 1 }
func fnB(x int) int { return x - 1 }

var texts = []string{"", "a", "hello", "größe", "\xff\xfe!", strings.Repeat("long ", 30)}
var floats = []float64{0, math.Copysign(0, -1), 1.5, -2.25, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat32}

func fill(rng *rand.Rand, v reflect.Value, depth int) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(rng.Int63n(1<<32), rng.Int63n(1e9))))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(rng.Intn(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(rng.Uint64()) >> rng.Intn(64))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(rng.Uint64() >> rng.Intn(64))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(floats[rng.Intn(len(floats))])
	case reflect.Complex64, reflect.Complex128:
		v.SetComplex(complex(floats[rng.Intn(len(floats))], floats[rng.Intn(len(floats))]))
	case reflect.String:
		v.SetString(texts[rng.Intn(len(texts))])
	case reflect.Array:
		for i := 0; i < v.Len(); i++ {
			fill(rng, v.Index(i), depth)
		}
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			if v.Field(i).CanSet() {
				fill(rng, v.Field(i), depth)
			}
		}
	default:
		if rng.Intn(4) > 0 && depth < 3 {
			refer(rng, v, depth+1)
		}
	}
}

// refer makes what refers to something else; it is nil before.
func refer(rng *rand.Rand, v reflect.Value, depth int) {
	t := v.Type()
	switch v.Kind() {
	case reflect.Slice:
		v.Set(reflect.MakeSlice(t, rng.Intn(4), 4))
		for i := 0; i < v.Len(); i++ {
			fill(rng, v.Index(i), depth)
		}
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		fill(rng, v.Elem(), depth)
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		for n := rng.Intn(4); n > 0; n-- {
			key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			fill(rng, key, depth)
			fill(rng, value, depth)
			v.SetMapIndex(key, value)
		}
	case reflect.Chan:
		v.Set(reflect.MakeChan(t, rng.Intn(3)))
	case reflect.Func:
		v.Set(reflect.ValueOf([]func(int) int{fnA, fnB}[rng.Intn(2)]))
	case reflect.UnsafePointer:
		v.SetPointer(unsafe.Pointer(&grown))
	case reflect.Interface:
		if t.NumMethod() > 0 {
			v.Set(reflect.ValueOf([]error{errors.New("bad"), custom{rng.Intn(100)}, &custom{}}[rng.Intn(3)]))
			return
		}
		held := []any{rng.Int(), texts[rng.Intn(len(texts))], pair{"l", int32(rng.Intn(9))}, &pair{"p", 7}, rng.Intn(2) == 0,
			errors.New("held"), []int{1, 2}, uint8(rng.Intn(256)), 2.5}
		v.Set(reflect.ValueOf(held[rng.Intn(len(held))]))
	}
}

// show is what a variable holds, as captured values are written.
func show[T any](variable *T) any { return tree(reflect.ValueOf(variable).Elem()) }

var none = map[string]string{"$status": "nil"}

func tree(v reflect.Value) any {
	if v.CanInterface() {
		if at, ok := v.Interface().(time.Time); ok {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return v.Uint()
	case reflect.Float32:
		return number(v.Float(), 32)
	case reflect.Float64:
		return number(v.Float(), 64)
	case reflect.Complex64:
		return map[string]any{"real": number(real(v.Complex()), 32), "imag": number(imag(v.Complex()), 32)}
	case reflect.Complex128:
		return map[string]any{"real": number(real(v.Complex()), 64), "imag": number(imag(v.Complex()), 64)}
	case reflect.String:
		return visible(v.String())
	case reflect.Array:
		return items(v)
	case reflect.Struct:
		object := map[string]any{}
		for i := 0; i < v.NumField(); i++ {
			if name := v.Type().Field(i).Name; name != "_" {
				object[name] = tree(v.Field(i))
			}
		}
		return object
	}
	return reference(v)
}

func reference(v reflect.Value) any {
	if v.IsNil() {
		return none
	}
	switch v.Kind() {
	case reflect.Slice:
		return items(v)
	case reflect.Pointer:
		return tree(v.Elem())
	case reflect.Interface:
		return map[string]any{"type": typeName(v.Elem().Type()), "value": tree(v.Elem())}
	case reflect.Map:
		object := map[string]any{}
		for _, key := range v.MapKeys() {
			object[visible(fmt.Sprint(key))] = tree(v.MapIndex(key))
		}
		return object
	case reflect.Chan:
		return map[string]any{"len": v.Len(), "cap": v.Cap()}
	case reflect.Func:
		return map[string]any{"func": runtime.FuncForPC(v.Pointer()).Name()}
	}
	return "address"
}

func items(v reflect.Value) any {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		raw := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(raw), v)
		return hex.EncodeToString(raw)
	}
	list := []any{}
	for i := 0; i < v.Len(); i++ {
		list = append(list, tree(v.Index(i)))
	}
	return list
}

func typeName(t reflect.Type) string {
	switch {
	case t.Name() != "" && t.PkgPath() != "":
		return t.PkgPath() + "." + t.Name()
	case t.Kind() == reflect.Pointer && t.Name() == "":
		return "*" + typeName(t.Elem())
	}
	return t.String()
}

func number(f float64, bits int) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	text := strconv.FormatFloat(f, 'g', -1, bits)
	if !strings.ContainsAny(text, ".e") {
		text += ".0" // Keeps the sign of zero through JSON.
	}
	return json.RawMessage(text)
}

func visible(s string) string {
	var text strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&text, `\x%02x`, s[0])
		} else {
			text.WriteString(s[:size])
		}
		s = s[size:]
	}
	return text.String()
}

// serve calls everything some times from several goroutines at once whenever it is asked, and answers with their log.
func serve(calls []func(*caller)) {
	fmt.Println("ready {}")
	seed := int64(0)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var goroutines, rounds int
		var word string
		fmt.Sscan(lines.Text(), &word, &goroutines, &rounds)
		all := make([]*caller, goroutines)
		var wait sync.WaitGroup
		for n := range all {
			n := n
			seed++
			mine := seed
			wait.Add(1)
			go func() {
				defer wait.Done()
				all[n] = &caller{Goid: goid(), rng: rand.New(rand.NewSource(mine))}
				callers.Store(all[n].Goid, all[n])
				for i := 0; i < rounds; i++ {
					for _, one := range calls {
						one(all[n])
					}
				}
			}()
		}
		wait.Wait()
		text, err := json.Marshal(all)
		if err != nil {
			panic(err)
		}
		fmt.Printf("answer %s %d\n%s", word, len(text), text)
	}
}
