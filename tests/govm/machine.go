package main

import "errors"

// A Host is what a machine is given for one run.
type Host struct {
	Target     Target
	Pages      int
	Clock      uint64
	Capacities map[string]uint64 // Of dicts, where they aren't the program's.
	Turns      int               // How often loops may turn and functions be called, together; 0: as often as they do.
}

// A Machine runs one program once. Where it is verified nothing here goes wrong but what a trap or a stop says.
type Machine struct {
	program *Program
	host    Host
	buffers [][]byte
	dicts   []map[uint64]uint64
	output  output
	catches [][]int // For each function and instruction: its innermost handler, or -1.
	turns   int
}

// A fault goes on at a handler, in this function or in one that called it.
type fault struct{ code, detail uint64 }

const (
	faultRead = 1
	faultFull = 2
)

func (f *fault) Error() string { return "a fault" }

// These end a run: a trap for good reason, a stop from outside.
type trap string

func (t trap) Error() string { return string(t) }

var errStopped = errors.New("stopped")

func NewMachine(p *Program, host Host) *Machine {
	m := &Machine{program: p, host: host, output: newOutput(len(p.Streams), host.Pages)}
	for _, b := range p.Buffers {
		m.buffers = append(m.buffers, make([]byte, b.Size+b.Slack))
	}
	for range p.Dicts {
		m.dicts = append(m.dicts, map[uint64]uint64{})
	}
	for i := range p.Functions {
		m.catches = append(m.catches, catches(&p.Functions[i]))
	}
	return m
}

// catches finds the innermost handler of every instruction: of those that hold it the one listed last.
func catches(f *Function) []int {
	found := make([]int, len(f.Code))
	var open []int
	next := 0
	for at := range found {
		for next < len(f.Handlers) && int(f.Handlers[next].Start) == at {
			open = append(open, next)
			next++
		}
		for len(open) > 0 && int(f.Handlers[open[len(open)-1]].End) <= at {
			open = open[:len(open)-1]
		}
		found[at] = -1
		if len(open) > 0 {
			found[at] = open[len(open)-1]
		}
	}
	return found
}

// Run runs the last function. It returns a trap or errStopped; a fault that nothing handles is a usual end.
func (m *Machine) Run() error {
	_, err := m.call(len(m.program.Functions)-1, nil)
	if _, ok := err.(*fault); ok {
		return nil
	}
	return err
}

// call runs one function and gives its result, if it has one.
func (m *Machine) call(number int, arguments []uint64) (uint64, error) {
	f := &m.program.Functions[number]
	r := make([]uint64, f.Variables+len(f.Constants))
	copy(r, arguments)
	copy(r[f.Variables:], f.Constants)
	for at := 0; ; {
		i := &f.Code[at]
		if i.Op == opReturn {
			if i.A == noRegister {
				return 0, nil
			}
			return r[i.A], nil
		}
		next, err := m.step(i, at, r)
		if err != nil {
			raised, ok := err.(*fault)
			handler := m.catches[number][at]
			if !ok || handler < 0 {
				return 0, err
			}
			h := f.Handlers[handler]
			r[h.Code], r[h.Detail] = raised.code, raised.detail
			next = int(h.Target)
		}
		at = next
	}
}

// turn counts the end of a turn of a loop, or a call.
func (m *Machine) turn() error {
	m.turns++
	if m.host.Turns > 0 && m.turns > m.host.Turns {
		return errStopped
	}
	return nil
}

// step does one instruction and says which is next.
func (m *Machine) step(i *Instruction, at int, r []uint64) (int, error) {
	var err error
	switch {
	case i.Op < opLoad:
		r[i.A] = compute(i, r)
	case i.Op < opBegin:
		err = m.access(i, r)
	case i.Op < opJump:
		err = m.write(i, r)
	default:
		return m.control(i, at, r)
	}
	return at + 1, err
}

func (m *Machine) control(i *Instruction, at int, r []uint64) (int, error) {
	target := int(i.X)
	switch i.Op {
	case opJump:
		return target, nil
	case opIf:
		return either(r[i.B] != 0, target, at+1), nil
	case opUnless:
		return either(r[i.B] == 0, target, at+1), nil
	case opCase:
		return either(r[i.B] != i.D, target, at+1), nil
	case opLoop:
		bound := min(r[i.B], i.D)
		r[i.A], r[i.C] = 0, bound
		return either(bound == 0, target, at+1), nil
	case opNext:
		if err := m.turn(); err != nil {
			return at, err
		}
		r[i.A]++
		if r[i.A] >= r[i.C] || r[i.A] >= i.D {
			return at + 1, nil
		}
		return target, nil
	case opCall:
		if err := m.turn(); err != nil {
			return at, err
		}
		callee := &m.program.Functions[i.X]
		result, err := m.call(int(i.X), r[i.B:int(i.B)+callee.Params])
		if err == nil && i.A != noRegister {
			r[i.A] = result
		}
		return at + 1, err
	case opRaise:
		return at, &fault{uint64(i.X), r[i.B]}
	}
	panic("an operation that wasn't verified")
}

func either(condition bool, yes, no int) int {
	if condition {
		return yes
	}
	return no
}
