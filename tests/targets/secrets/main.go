// Plants a secret in every kind of place of a running program, each with a text of its own.
//
// It prints "ready {NAME: TEXT}" once all of them are in place: which text is where. `name` and `type` begin the names of
// those that a spec redacts by names (*password*) and by types; those that begin with `tag` are in fields that have a
// tag; `kept` ones are in places that no redaction is about. End of input ends it.
package main

import (
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"reflect"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

var planted = map[string]string{}

// plant makes a text of 24 bytes that is in no other place, neither in the executable nor in the process.
func plant(place string) string {
	text := fmt.Sprintf("%s%08x%s", "<<", len(planted)*0x9e3779b1&0xffffffff, strings.Repeat(">", 2))
	text += fmt.Sprintf("%012d", len(planted)*7919+100000)
	planted[place] = hide(text)
	return text
}

// hide is how the greeting spells a text, so that the text itself is nowhere in it.
func hide(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%02x", c)
	}
	return b.String()
}

func bytes16(place string) (r [16]byte) {
	copy(r[:], plant(place))
	planted[place] = hide(string(r[:]))
	return
}

func word(place string) uint64 {
	text := plant(place)
	planted[place] = hide(text[2:10])
	return *(*uint64)(unsafe.Pointer(unsafe.StringData(text[2:10])))
}

func half(place string) (r [12]byte) {
	text := fmt.Sprintf("\xf1\xa7\x93%c", 0x20+len(planted)%0x60) + plant(place)[:8]
	copy(r[:], text)
	planted[place] = hide(text[:4])
	return
}

type creds struct {
	user     string
	Password string
}

type embeds struct {
	*creds
	inner struct {
		deep struct{ dbPasswords []string }
	}
}

type tight struct {
	id       int32
	password [12]byte
	after    byte
}

type failure struct {
	reason   string
	password string
}

func (f *failure) Error() string { return "failed for " + f.reason }

type box[T any] struct {
	plain    int
	password T
}

type worker struct {
	name     string
	password string
}

func (w worker) work() { fmt.Fprintln(io.Discard, w.name) }

type keyed struct {
	id       int
	password string
}

type Token string
type Key []byte
type Private struct{ d [16]byte }
type Pin uint64
type Holder interface{ Hold() }

func (Token) Hold()    {}
func (*Private) Hold() {}

type textKey string
type passwordKey struct{}

type tagged struct {
	Name  string `json:"name"`
	Card  string `json:"card" sensitive:"true"`
	Notes []byte `log:"-"`
	Inner *tagged

	Bare     string `sensitive`
	Value    taggedPart
	Slice    []taggedPart
	Map      map[string]taggedPart
	Held     any
	Pointer  any
	Boxed    taggedBox[string]
	BoxedAny any
	Closure  func() string
	Kept     string `json:"kept"`
	taggedEmbedded
}

type taggedPart struct {
	id   int
	card string `sensitive:""`
}

type taggedBox[T any] struct {
	id    int
	value T `sensitive:"yes"`
}

type taggedEmbedded struct {
	card [16]byte `db:"card" SENSITIVE:"x"`
}

// named holds what is redacted by name.
type named struct {
	value       creds
	pointer     *creds
	embedded    embeds
	array       [3]creds
	slice       []creds
	pointers    []*creds
	byKey       map[string]string
	byBigKey    map[string][200]byte
	byInt       map[int]creds
	byPointer   map[string]*creds
	byAny       map[any]any
	byStruct    map[keyed]int
	longKey     map[string]string
	small       map[string][4]byte
	tights      []tight
	firsts      []*int32
	held        any
	heldPointer any
	failed      error
	wrapped     error
	joined      error
	channel     chan creds
	closure     func() string
	method      func()
	synced      sync.Map
	atomic      atomic.Pointer[creds]
	atomicValue atomic.Value
	toSlice     *[]creds
	password    [16]byte
	passwordPin uint64
	boxed       box[string]
	boxedAny    any
	reflected   reflect.Value
	reflectedTo reflect.Value
	linked      *list.List
	address     *url.URL
	passwords   map[string]any
	toPassword  **string
	strings     map[string][]string
	nested      map[string]map[string]string
	passwordFn  func() string
	passwordCh  chan string
}

// typed holds what is redacted by type.
type typed struct {
	token    Token
	pointer  *Token
	slice    []Token
	array    [2]Token
	byToken  map[Token]int
	tokens   map[string]Token
	anyToken any
	held     Holder
	private  *Private
	privates []Private
	byValue  any
	keys     []Key
	channel  chan Token
	closure  func() Token
	atomic   atomic.Pointer[Private]
	pins     map[string]Pin
	anyPin   any
	boxed    box2[Token]
	twice    **Private
	synced   sync.Map
}

type box2[T any] struct{ value T }

var globalPassword = ""
var globalCreds creds
var keptGlobal = ""

func fillNamed() *named {
	cred := func(place string) creds { return creds{"user", plant(place)} }
	at := func(place string) *creds { c := cred(place); return &c }
	n := &named{
		value:     cred("name field"),
		pointer:   at("name pointer"),
		embedded:  embeds{creds: at("name embedded")},
		array:     [3]creds{cred("name array 0"), cred("name array 1"), cred("name array 2")},
		slice:     []creds{cred("name slice 0"), cred("name slice 1")},
		pointers:  []*creds{at("name slice of pointers")},
		byKey:     map[string]string{"db_PassWord": plant("name map key"), "host": plant("kept map value")},
		byInt:     map[int]creds{1: cred("name map of structs")},
		byPointer: map[string]*creds{"x": at("name map of pointers")},
		byAny:     map[any]any{"password": plant("name any key"), textKey("my password"): plant("name any named key"), passwordKey{}: plant("name any key by type"), 5: cred("name any element")},
		byStruct:  map[keyed]int{{1, plant("name struct key")}: 1},
		longKey:   map[string]string{strings.Repeat("x", 300): plant("name long key")},
		held:      cred("name interface"),
		failed:    &failure{"me", plant("name error")},
		channel:   make(chan creds, 3),
		password:  bytes16("name bytes"),
		boxed:     box[string]{1, plant("name generic")},
		boxedAny:  box[string]{1, plant("name generic in interface")},
		linked:    list.New(),
		passwords: map[string]any{"a": plant("name map field")},
		strings:   map[string][]string{"password": {plant("name slice by key")}},
		nested:    map[string]map[string]string{"a": {"password": plant("name nested map")}},
		toSlice:   &[]creds{cred("name pointer to slice")},
	}
	n.heldPointer = at("name pointer in interface")
	n.embedded.inner.deep.dbPasswords = []string{plant("name deep")}
	var big [200]byte
	copy(big[150:], plant("name large element"))
	n.byBigKey = map[string][200]byte{"password": big}
	small := half("name small element")
	n.small = map[string][4]byte{"a": {1}, "b": {2}, "password": [4]byte(small[:4]), "c": {3}}
	n.tights = []tight{{1, half("name tight 0"), 1}, {2, half("name tight 1"), 2}}
	n.firsts = []*int32{&n.tights[0].id, &n.tights[1].id}
	n.wrapped = fmt.Errorf("wrapped: %w", &failure{"you", plant("name wrapped error")})
	n.joined = errors.Join(&failure{"a", plant("name joined error")}, errors.New("other"))
	n.channel <- cred("name channel 0")
	n.channel <- cred("name channel 1")
	password := plant("name closure")
	n.closure = func() string { return password + keptGlobal }
	n.method = worker{"w", plant("name method value")}.work
	n.synced.Store("password", plant("name sync.Map key"))
	n.synced.Store("x", at("name sync.Map element"))
	n.atomic.Store(at("name atomic.Pointer"))
	n.atomicValue.Store(cred("name atomic.Value"))
	n.passwordPin = word("name number")
	n.reflected = reflect.ValueOf(cred("name reflect.Value"))
	n.reflectedTo = reflect.ValueOf(at("name reflect.Value pointer"))
	n.linked.PushBack(cred("name list"))
	n.address = &url.URL{Scheme: "https", Host: "h", User: url.UserPassword("u", plant("name url"))}
	text := plant("name pointer to pointer")
	to := &text
	n.toPassword = &to
	other := plant("name func")
	n.passwordFn = func() string { return other }
	n.passwordCh = make(chan string, 1)
	n.passwordCh <- plant("name chan field")
	return n
}

func private(place string) *Private { return &Private{bytes16(place)} }

func fillTyped() *typed {
	token := func(place string) Token { return Token(plant(place)) }
	one, secret := token("type pointer"), private("type pointer to pointer")
	t := &typed{
		token:    token("type field"),
		pointer:  &one,
		slice:    []Token{token("type slice")},
		array:    [2]Token{token("type array 0"), token("type array 1")},
		byToken:  map[Token]int{token("type map key"): 1},
		tokens:   map[string]Token{"a": token("type map element")},
		anyToken: token("type any"),
		held:     token("type interface"),
		private:  private("type struct"),
		privates: []Private{*private("type structs")},
		byValue:  *private("type struct in interface"),
		keys:     []Key{Key(plant("type bytes"))},
		channel:  make(chan Token, 1),
		pins:     map[string]Pin{"a": Pin(word("type number"))},
		anyPin:   Pin(word("type number in interface")),
		boxed:    box2[Token]{token("type generic")},
		twice:    &secret,
	}
	t.channel <- token("type channel")
	captured := token("type closure")
	t.closure = func() Token { return captured + Token(keptGlobal) }
	t.atomic.Store(private("type atomic.Pointer"))
	t.synced.Store("x", token("type sync.Map"))
	return t
}

func fillTagged() *tagged {
	part := func(place string) taggedPart { return taggedPart{1, plant(place)} }
	pointed, captured := part("tag pointer in interface"), part("tag closure")
	return &tagged{
		Name: "n", Card: plant("tag string"), Notes: []byte(plant("tag bytes")),
		Inner:          &tagged{Name: "m", Card: plant("tag inner string")},
		Bare:           plant("tag bare"),
		Value:          part("tag struct"),
		Slice:          []taggedPart{part("tag slice 0"), part("tag slice 1")},
		Map:            map[string]taggedPart{"a": part("tag map")},
		Held:           part("tag interface"),
		Pointer:        &pointed,
		Boxed:          taggedBox[string]{1, plant("tag generic")},
		BoxedAny:       taggedBox[int64]{1, int64(word("tag generic in interface"))},
		Closure:        func() string { return captured.card },
		Kept:           plant("kept beside tags"),
		taggedEmbedded: taggedEmbedded{bytes16("tag embedded")},
	}
}

//go:noinline
func hold(ctx context.Context, n *named, t *typed, tags *tagged, passwordParam string, values creds, many [20]creds, parked chan bool) (passwordResult string) {
	passwordLocal := plant("name local")
	record := creds{"local", plant("name local struct")}
	kept := plant("kept local")
	passwordResult = plant("name result")
	defer func() { passwordResult += "" }()
	parked <- true
	<-parked
	runtime.KeepAlive(passwordLocal)
	runtime.KeepAlive(&record)
	runtime.KeepAlive(kept)
	fmt.Fprintln(io.Discard, ctx, n, t, tags, passwordParam, values, many, passwordLocal, record, kept)
	return passwordResult
}

//go:noinline
func holdAny[T any](value T, kept int, ready, parked chan bool) {
	ready <- true
	<-parked
	fmt.Fprintln(io.Discard, value, kept)
}

func main() {
	n, t, tags := fillNamed(), fillTyped(), fillTagged()
	globalPassword, globalCreds, keptGlobal = plant("name global"), creds{"g", plant("name global field")}, plant("kept global")
	ctx := context.WithValue(context.Background(), textKey("auth password"), plant("name context key"))
	ctx = context.WithValue(ctx, passwordKey{}, plant("name context key type"))
	ctx = context.WithValue(ctx, textKey("user"), creds{"c", plant("name context value")})
	var many [20]creds
	for i := range many {
		many[i] = creds{"m", plant(fmt.Sprintf("name parameter array %d", i))}
	}
	param, values := plant("name parameter"), creds{"p", plant("name parameter field")}
	parked := make(chan bool)
	go pprof.Do(ctx, pprof.Labels("the-password", plant("name label"), "region", plant("kept label")), func(ctx context.Context) {
		hold(ctx, n, t, tags, param, values, many, parked)
	})
	<-parked
	ready := make(chan bool)
	go holdAny(Token(plant("type generic variable")), 1, ready, parked)
	go holdAny(creds{"g", plant("name generic variable")}, 2, ready, parked)
	// In generic code nothing tells it from the first.
	go holdAny(plant("type of one shape with it"), 3, ready, parked)
	for i := 0; i < 3; i++ {
		<-ready
	}
	greeting, _ := json.Marshal(planted)
	fmt.Printf("ready %s\n", greeting)
	io.Copy(io.Discard, os.Stdin)
	parked <- true
}
