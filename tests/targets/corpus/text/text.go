// Package text holds strings and bytes: odd ones, long ones, parts of others.
package text

import (
	"strings"

	"example.org/corpus/hold"
)

type Name string

type line struct {
	text  string
	words []string
}

// Start lets goroutines wait with texts.
func Start() {
	hold.Go(func() { strange("caf\xc3\xa9 \x00\xff\"quoted\"\n", "") })
	hold.Go(func() { split("GET /cart?id=7 HTTP/1.1") })
	hold.Go(func() { octets([]byte{0, 1, 254, 255}, strings.Repeat("0123456789", 200)) })
	hold.Go(func() { builder("a", "bc", "☃") })
}

//go:noinline
func strange(odd, empty string) {
	name := Name(odd[5:])
	joined := odd + "/" + string(name)
	runes := []rune(joined)
	hold.Here()
	hold.Use(odd)
	hold.Use(empty)
	hold.Use(name)
	hold.Use(joined)
	hold.Use(runes)
}

//go:noinline
func split(request string) (method, path string) {
	words := strings.Fields(request)
	l := line{request, words}
	method = words[0]
	path, query, found := strings.Cut(words[1], "?")
	hold.Here()
	hold.Use(l)
	hold.Use(query)
	hold.Use(found)
	return method, path
}

//go:noinline
func octets(raw []byte, long string) {
	var digest [16]byte
	copy(digest[:], long)
	var none []byte
	empty := []byte{}
	part := raw[1:3]
	hold.Here()
	hold.Use(raw)
	hold.Use(long)
	hold.Use(digest)
	hold.Use(none)
	hold.Use(empty)
	hold.Use(part)
}

//go:noinline
func builder(parts ...string) string {
	var b strings.Builder
	for i, part := range parts {
		b.WriteString(part)
		if i == 2 {
			hold.Here()
		}
	}
	return b.String()
}
