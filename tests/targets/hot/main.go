// Calls a function as often as the number in each line of its input says, and answers with the nanoseconds of a call.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"
)

type request struct {
	ID, Size int64
	Path     string
}

var sum int

//go:noinline
func touch(n int) { sum += n }

// call has a frame and a check of the stack, as nearly all functions have.
//
//go:noinline
func call(a, b, c int, text string, req *request) int {
	touch(a)
	return a + b + c + len(text) + int(req.ID)
}

func main() {
	text, req := strings.Repeat("x", 64), &request{1, 2, "/path"}
	lines := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for lines.Scan() {
		var n int
		fmt.Sscan(lines.Text(), &n)
		start := time.Now()
		for i := 0; i < n; i++ {
			sum += call(i, 2, 3, text, req)
		}
		fmt.Println(float64(time.Since(start).Nanoseconds()) / float64(n))
	}
}
