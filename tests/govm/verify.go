package main

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
)

const (
	maxRegisters  = 65520
	maxBuffer     = 1 << 29
	maxSlack      = 1 << 29
	maxBuffers    = 1 << 30 // All together, slack included.
	maxCapacity   = 1 << 26
	maxRecord     = 65536
	maxFill       = 1 << 23
	maxTurns      = 1 << 23
	maxCount      = 65535 // Of memories of a kind, and of functions.
	maxLoopDepth  = 64
	maxCallDepth  = 64
	firstRaised   = 16
	noRegister    = 65535
	noInstruction = -1
)

// Verify checks all of section 5 that Decode hasn't.
func Verify(p *Program) error {
	if err := verifyMemories(p); err != nil {
		return err
	}
	if len(p.Functions) == 0 || len(p.Functions) > maxCount {
		return fmt.Errorf("there are %d functions", len(p.Functions))
	}
	if main := p.Functions[len(p.Functions)-1]; main.Params != 0 || main.Result {
		return errors.New("the last function has parameters or a result")
	}
	depths := make([]int, len(p.Functions))
	for number := range p.Functions {
		v := &verifier{program: p, f: &p.Functions[number], number: number, depths: depths}
		if err := v.verify(); err != nil {
			return fmt.Errorf("function %d: %w", number, err)
		}
	}
	return nil
}

func verifyMemories(p *Program) error {
	for _, count := range []int{len(p.Buffers), len(p.Columns), len(p.Dicts), len(p.Streams)} {
		if count > maxCount {
			return fmt.Errorf("%d memories of a kind", count)
		}
	}
	var all uint64
	names := map[string]bool{}
	distinct := func(memory, name string) error {
		if names[memory+name] {
			return fmt.Errorf("two memories are the %s %s", memory, name)
		}
		names[memory+name] = true
		return nil
	}
	for _, b := range p.Buffers {
		if b.Size < 8 || b.Size > maxBuffer || bits.OnesCount64(b.Size) != 1 || b.Slack > maxSlack {
			return fmt.Errorf("a buffer of %d and %d bytes", b.Size, b.Slack)
		}
		if all += b.Size + b.Slack; all > maxBuffers {
			return errors.New("all buffers are too large")
		}
		if err := distinct("buffer ", b.Name); err != nil {
			return err
		}
	}
	for i := range p.Columns {
		if err := verifyColumn(&p.Columns[i]); err != nil {
			return err
		}
		if err := distinct("column ", p.Columns[i].Name); err != nil {
			return err
		}
	}
	for _, d := range p.Dicts {
		if d.Capacity < 1 || d.Capacity > maxCapacity {
			return fmt.Errorf("a dict of %d keys", d.Capacity)
		}
		if err := distinct("dict ", d.Name); err != nil {
			return err
		}
	}
	for _, s := range p.Streams {
		if s.Size%8 != 0 || s.Size > maxRecord {
			return fmt.Errorf("records of %d bytes", s.Size)
		}
		if err := distinct("stream ", s.Name); err != nil {
			return err
		}
	}
	return nil
}

func verifyColumn(c *Column) error {
	if c.Rows == 0 {
		return errors.New("a column without rows")
	}
	var last uint64
	for row := uint64(0); row < c.Rows; row++ {
		value := c.At(row)
		if c.Kind == 0 && value > 1 || c.Sorted && value < last {
			return fmt.Errorf("row %d of column %s", row, c.Name)
		}
		last = value
	}
	return nil
}

// A verifier checks one function, those before it being checked.
type verifier struct {
	program *Program
	f       *Function
	number  int
	depths  []int // How deep calls go in each function, as far as they are checked.
	loops   []loop
	in      []int // The innermost loop in whose body each instruction is, or noInstruction.
}

// A loop has its LOOP at head and its NEXT at next. What is behind the one, up to the other, is its body.
type loop struct {
	head, next   int
	index, bound uint16
	parent       int // The loop around it, or noInstruction.
	depth        int
}

func (v *verifier) verify() error {
	f := v.f
	if f.Variables+len(f.Constants) > maxRegisters || f.Params > f.Variables {
		return errors.New("too many registers or parameters")
	}
	v.depths[v.number] = 1
	if len(f.Code) == 0 {
		return errors.New("there is no code")
	}
	if op := f.Code[len(f.Code)-1].Op; op != opJump && op != opReturn && op != opRaise {
		return errors.New("it runs past its end")
	}
	if err := v.findLoops(); err != nil {
		return err
	}
	for at := range f.Code {
		if err := v.instruction(at, &f.Code[at]); err != nil {
			return fmt.Errorf("instruction %d: %w", at, err)
		}
	}
	return v.handlers()
}

// findLoops pairs every LOOP with its NEXT, and says in which loop each instruction is.
func (v *verifier) findLoops() error {
	code := v.f.Code
	v.in = make([]int, len(code))
	current := noInstruction
	for at, i := range code {
		v.in[at] = current
		if current != noInstruction && v.loops[current].next == at {
			current = v.loops[current].parent
			continue
		}
		if i.Op == opNext {
			return fmt.Errorf("instruction %d is the end of no loop", at)
		}
		if i.Op != opLoop {
			continue
		}
		next := int(i.X) - 1
		if next <= at || next >= len(code)-1 || !closes(code[next], i, at) {
			return fmt.Errorf("the loop at %d has no end", at)
		}
		l := loop{at, next, i.A, i.C, current, 1}
		if current != noInstruction {
			if next >= v.loops[current].next {
				return fmt.Errorf("the loop at %d ends outside of the one around it", at)
			}
			l.depth = v.loops[current].depth + 1
		}
		if l.depth > maxLoopDepth || l.index == l.bound {
			return fmt.Errorf("the loop at %d is too deep, or has one register", at)
		}
		v.loops = append(v.loops, l)
		current = len(v.loops) - 1
	}
	return nil
}

func closes(next, head Instruction, at int) bool {
	return next.Op == opNext && next.A == head.A && next.C == head.C && next.D == head.D && int(next.X) == at+1
}

// instruction checks one for all that isn't about pairs of LOOP and NEXT.
func (v *verifier) instruction(at int, i *Instruction) error {
	s := shapes[i.Op]
	if !s.known {
		return fmt.Errorf("no operation %d", i.Op)
	}
	if s.kinds == "" && i.Kind != 0 || s.kinds != "" && !strings.ContainsRune(s.kinds, rune('0'+int(i.Kind))) {
		return fmt.Errorf("kind %d", i.Kind)
	}
	if s.m == noMemory && i.M != 0 || !s.x && i.X != 0 || !s.d && i.D != 0 {
		return errors.New("a field that it doesn't use is not 0")
	}
	registers := [...]struct {
		role  role
		field uint16
	}{{s.a, i.A}, {s.b, i.B}, {s.c, i.C}, {s.e, i.E}}
	for number, r := range registers {
		if i.Op == opCall && number == 1 {
			continue
		}
		if err := v.register(at, r.role, r.field); err != nil {
			return err
		}
	}
	if err := v.memory(i, s.m); err != nil {
		return err
	}
	return v.rules(at, i)
}

func (v *verifier) register(at int, r role, field uint16) error {
	if (r == mayRead || r == mayWrite) && field == noRegister {
		return nil
	}
	switch r {
	case unused:
		if field != 0 {
			return errors.New("a field that it doesn't use is not 0")
		}
	case reads, mayRead:
		if int(field) >= v.f.Variables+len(v.f.Constants) {
			return fmt.Errorf("no register %d", field)
		}
	case writes, mayWrite, updates:
		if int(field) >= v.f.Variables {
			return fmt.Errorf("no variable %d", field)
		}
		in := v.in[at]
		if r == updates { // A NEXT, of the loop that it is in.
			in = v.loops[in].parent
		}
		return v.written(in, field)
	}
	return nil
}

// written refuses a write of what one of the loops around it counts with.
func (v *verifier) written(in int, register uint16) error {
	for ; in != noInstruction; in = v.loops[in].parent {
		if register == v.loops[in].index || register == v.loops[in].bound {
			return fmt.Errorf("a loop counts with register %d", register)
		}
	}
	return nil
}

// memory checks that the memory is there, and what is asked of it.
func (v *verifier) memory(i *Instruction, n naming) error {
	m, p := int(i.M), v.program
	switch n {
	case aKind:
		if i.M > 4 || i.M <= uint16(i.Kind) {
			return fmt.Errorf("kind %d of kind %d", i.M, i.Kind)
		}
	case aBuffer:
		if m >= len(p.Buffers) {
			return fmt.Errorf("no buffer %d", m)
		}
		return placed(i, p.Buffers[m])
	case aColumn:
		if m >= len(p.Columns) || i.Op == opSearch && !p.Columns[m].Sorted {
			return fmt.Errorf("no column %d, or not sorted", m)
		}
	case aDict:
		if m >= len(p.Dicts) {
			return fmt.Errorf("no dict %d", m)
		}
	case aStream:
		if m >= len(p.Streams) || (i.Op == opBegin) == (p.Streams[m].Size == 0) {
			return fmt.Errorf("no stream %d, or not of such records", m)
		}
	}
	return nil
}

// placed checks that what an instruction does with a buffer lies in it whatever the offset.
func placed(i *Instruction, b Buffer) error {
	n := kindBytes[i.Kind]
	if i.Op == opFill {
		n = uint64(i.X)
	}
	room := b.Size + b.Slack
	if i.B != noRegister {
		n += b.Size - 1
	}
	if n > room || i.D > room-n {
		return fmt.Errorf("it reaches behind the buffer %s", b.Name)
	}
	return nil
}

// rules checks what is said of single operations.
func (v *verifier) rules(at int, i *Instruction) error {
	switch i.Op {
	case opFill:
		return atMost(uint64(i.X), maxFill)
	case opReserve:
		return atMost(uint64(i.X), maxRecord)
	case opSet, opPeek:
		return atMost(i.D, maxRecord)
	case opCopy:
		return errors.Join(atMost(uint64(i.X), maxRecord), atMost(i.D, maxRecord))
	case opLoop, opNext:
		return atMost(i.D, maxTurns)
	case opJump, opIf, opUnless, opCase:
		return v.jump(at, at, i.X)
	case opCall:
		return v.call(i)
	case opReturn:
		if (i.A != noRegister) != v.f.Result {
			return errors.New("a result where there is none, or none")
		}
	case opRaise:
		if i.X < firstRaised {
			return fmt.Errorf("fault %d", i.X)
		}
	}
	return nil
}

func atMost(value, limit uint64) error {
	if value > limit {
		return fmt.Errorf("%d is above %d", value, limit)
	}
	return nil
}

// jump checks a way from each of the instructions first to last to another.
func (v *verifier) jump(first, last int, to uint32) error {
	target := int(to)
	if target >= len(v.f.Code) || target <= last {
		return fmt.Errorf("it goes to %d", target)
	}
	if in := v.in[target]; in != noInstruction && first <= v.loops[in].head {
		return fmt.Errorf("it leads into the loop at %d", v.loops[in].head)
	}
	return nil
}

func (v *verifier) call(i *Instruction) error {
	called := uint64(i.X)
	if called >= uint64(v.number) {
		return fmt.Errorf("a call of function %d", called)
	}
	callee := &v.program.Functions[called]
	if int(i.B)+callee.Params > v.f.Variables+len(v.f.Constants) {
		return errors.New("its arguments are in no registers")
	}
	if callee.Params == 0 && i.B != 0 {
		return errors.New("it has no arguments")
	}
	if i.A != noRegister && !callee.Result {
		return errors.New("it has no result")
	}
	if depth := v.depths[called] + 1; depth > v.depths[v.number] {
		v.depths[v.number] = depth
	}
	return atMost(uint64(v.depths[v.number]), maxCallDepth)
}

// handlers checks where they lie, where they go on and what they write.
func (v *verifier) handlers() error {
	var around []Handler // Those that hold the place reached, the innermost last.
	for number, h := range v.f.Handlers {
		if h.Start >= h.End || h.End > h.Target {
			return fmt.Errorf("handler %d goes back", number)
		}
		if err := v.jump(int(h.Start), int(h.End)-1, h.Target); err != nil {
			return fmt.Errorf("handler %d: %w", number, err)
		}
		if number > 0 && h.Start < v.f.Handlers[number-1].Start {
			return fmt.Errorf("handler %d is not sorted", number)
		}
		for len(around) > 0 && around[len(around)-1].End <= h.Start {
			around = around[:len(around)-1]
		}
		if len(around) > 0 && h.End > around[len(around)-1].End {
			return fmt.Errorf("handler %d crosses another", number)
		}
		around = append(around, h)
		if err := v.handlerWrites(h); err != nil {
			return fmt.Errorf("handler %d: %w", number, err)
		}
	}
	return nil
}

// handlerWrites checks the registers of a handler. One that goes on in a loop writes none of that loop's.
func (v *verifier) handlerWrites(h Handler) error {
	for _, register := range []uint16{h.Code, h.Detail} {
		if int(register) >= v.f.Variables {
			return fmt.Errorf("no variable %d", register)
		}
		if err := v.written(v.in[h.Target], register); err != nil {
			return err
		}
	}
	return nil
}
