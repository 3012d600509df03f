// Known holds values of well-known types in its variables, and says what they are by their own methods.
//
// It prints "ready {}" once all that waits waits, then answers commands on stdin, one a line:
//
//	plain     {NAME: VALUE} of package-level variables, VALUE as the JSON of a capture has it
//	dynamic   the same of variables that hold interfaces or pointers
//	errors    {NAME: {"type", "message"}}, and under NAME/1, NAME/2 what errors.Unwrap leads to
//	contexts  {NAME: {"deadline", "cancelled", "error", "cause", "values"}}
//	times     {NAME: {"time", "zone", "monotonic"}}
//	quit      end
//
// Every answer is "answer COMMAND BYTES\n" followed by exactly that many bytes. End of input is the same as quit.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// kept are pointers to all variables, so that the linker keeps them.
var kept []any

var plain, dynamic = map[string]any{}, map[string]any{}

func main() {
	texts()
	numbers()
	network()
	atomics()
	locks()
	lists()
	failures()
	contexts()
	times()
	time.Sleep(50 * time.Millisecond)
	fmt.Println("ready {}")
	serve(bufio.NewScanner(os.Stdin))
	fmt.Fprintln(os.Stderr, len(kept))
}

func serve(lines *bufio.Scanner) {
	for lines.Scan() {
		switch command := strings.TrimSpace(lines.Text()); command {
		case "plain":
			answer(command, plain)
		case "dynamic":
			answer(command, dynamic)
		case "errors":
			answer(command, errorTruth)
		case "contexts":
			answer(command, contextTruth)
		case "times":
			answer(command, timeTruth)
		case "quit":
			return
		}
	}
}

func answer(command string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Printf("answer %s %d\n%s", command, len(text), text)
}

// hold keeps a variable and notes what it has to read as.
func hold(name string, variable any, truth any) {
	kept = append(kept, variable)
	plain[name] = truth
}

// holdDynamic does for variables that lead to values of any type.
func holdDynamic(name string, variable any, truth any) {
	kept = append(kept, variable)
	dynamic[name] = truth
}
