package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"strings"
)

// UUID is as several packages have it.
type UUID [16]byte

var (
	built       strings.Builder
	builtNever  strings.Builder
	builtBytes  strings.Builder
	buffered    bytes.Buffer
	bufferRead  bytes.Buffer
	bufferDone  *bytes.Buffer
	message     json.RawMessage
	messageNone json.RawMessage
	id          UUID
	idPointer   *UUID
	sum         [16]byte

	intZero     big.Int
	intSmall    *big.Int
	intNegative *big.Int
	intLarge    *big.Int
	intHuge     *big.Int
	intNone     *big.Int

	urlPlain    *url.URL
	urlUser     *url.URL
	urlName     url.URL
	urlOpaque   *url.URL
	urlEscapes  *url.URL
	urlRawPath  *url.URL
	urlFragment *url.URL
	urlRelative *url.URL
	urlQuery    *url.URL
	urlStar     *url.URL
	urlMade     url.URL
	urlMadeHost url.URL
	urlBadRaw   url.URL
	urlEmpty    url.URL
)

func texts() {
	fmt.Fprintf(&built, "grün %d", 7)
	hold("built", &built, built.String())
	hold("builtNever", &builtNever, builtNever.String())
	builtBytes.Write([]byte("a\xffb"))
	hold("builtBytes", &builtBytes, `a\xffb`)
	buffered.WriteString("unread")
	hold("buffered", &buffered, inBuffer(&buffered))
	bufferRead.WriteString("read and unread")
	bufferRead.Next(9)
	hold("bufferRead", &bufferRead, inBuffer(&bufferRead))
	bufferDone = bytes.NewBufferString("x")
	bufferDone.Next(1)
	hold("bufferDone", &bufferDone, inBuffer(bufferDone))
	message = json.RawMessage(`{"a": "b"}`)
	hold("message", &message, string(message))
	hold("messageNone", &messageNone, nil)
	for i := range id {
		id[i], sum[i] = byte(i*17), byte(i)
	}
	idPointer = &UUID{0: 0xab, 15: 0xcd}
	hold("id", &id, dashed(id))
	hold("idPointer", &idPointer, dashed(*idPointer))
	hold("sum", &sum, hex.EncodeToString(sum[:]))
}

func inBuffer(b *bytes.Buffer) any {
	return map[string]any{"len": b.Len(), "unread": hex.EncodeToString(b.Bytes())}
}

func dashed(u UUID) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func numbers() {
	intSmall, intNegative = big.NewInt(12345), big.NewInt(-1)
	intLarge = new(big.Int).Lsh(big.NewInt(-3), 200)
	intHuge = new(big.Int).Exp(big.NewInt(7), big.NewInt(1400), nil)
	hold("intZero", &intZero, intZero.String())
	for name, value := range map[string]**big.Int{
		"intSmall": &intSmall, "intNegative": &intNegative, "intLarge": &intLarge, "intHuge": &intHuge,
	} {
		hold(name, value, (*value).String())
	}
	hold("intNone", &intNone, nil)
	parsed := map[string]struct {
		variable **url.URL
		text     string
	}{
		"urlPlain":    {&urlPlain, "https://example.com/a/b?c=d#e"},
		"urlUser":     {&urlUser, "postgres://us%40er:p%3Ass@db.example.com:5432/name"},
		"urlOpaque":   {&urlOpaque, "mailto:someone@example.com"},
		"urlEscapes":  {&urlEscapes, "http://example.com/a%20b/gr%C3%BCn%3F?x=%20y"},
		"urlRawPath":  {&urlRawPath, "http://example.com/a%2Fb"},
		"urlFragment": {&urlFragment, "http://example.com/#a%2Fb%20c"},
		"urlRelative": {&urlRelative, "./this:that/x"},
		"urlQuery":    {&urlQuery, "http://[fe80::1%25en0]:8080/?"},
		"urlStar":     {&urlStar, "*"},
	}
	for name, one := range parsed {
		made, err := url.Parse(one.text)
		if err != nil {
			panic(err)
		}
		*one.variable = made
		hold(name, one.variable, made.String())
	}
	urlName = url.URL{Scheme: "http", Host: "h", User: url.User("name/only")}
	urlMade = url.URL{Path: "a:b/c d"}
	urlMadeHost = url.URL{Host: "ho st", Path: "relative"}
	urlBadRaw = url.URL{Scheme: "http", Host: "h", Path: "/x y", RawPath: "/x%2Gy", Fragment: "f g", RawFragment: "f%67"}
	for name, value := range map[string]*url.URL{
		"urlName": &urlName, "urlMade": &urlMade, "urlMadeHost": &urlMadeHost, "urlBadRaw": &urlBadRaw, "urlEmpty": &urlEmpty,
	} {
		hold(name, value, value.String())
	}
}
