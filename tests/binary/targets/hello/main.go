// Command hello is the smallest program: it builds for every machine.
package main

func main() { println("hello") }
