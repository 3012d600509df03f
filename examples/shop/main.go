// Shop is a small online shop: depots with stock, orders that reserve from it, payments through a gateway.
//
//	shop gateway             the payment gateway, here so that the example needs nothing else
//	shop serve -gateway URL  the shop
//	shop load -shop URL      its customers
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address to listen on")
	gateway := flags.String("gateway", "", "URL of the payment gateway")
	shop := flags.String("shop", "", "URL of the shop")
	rate := flags.Int("rate", 120, "requests a second")
	flags.Parse(os.Args[2:])

	switch os.Args[1] {
	case "gateway":
		serve(*listen, http.HandlerFunc(approve))
	case "serve":
		serve(*listen, newServer(&Gateway{URL: *gateway}))
	case "load":
		load(*shop, *rate)
	default:
		usage()
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: shop gateway | serve | load [flags]")
	os.Exit(2)
}

func serve(address string, handler http.Handler) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	http.Serve(listener, handler)
}
