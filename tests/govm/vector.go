package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strconv"
)

// A Vector is one file, as spec/vectors/README.md describes it.
type Vector struct {
	Program    []byte // JSON texts for bytes are in base64.
	Memory     map[number]digits
	Pages      int
	Clock      number
	Capacities map[string]uint64
	Buffers    map[string]digits
	Dicts      map[string]map[number]number

	Refused, Trap *string
	Stopped       *string // Not in the contract: it has to be ended for its turns.
	Leaves        *Leaves
}

// Leaves is what is there after a run.
type Leaves struct {
	Buffers map[string]stretches
	Dicts   map[string]map[number]number
	Pages   []stretches
}

type stretches map[number]digits

// A number is written as a text, hexadecimal behind 0x.
type number uint64

func (n *number) UnmarshalText(text []byte) error {
	value, err := strconv.ParseUint(string(text), 0, 64)
	*n = number(value)
	return err
}

// digits are bytes, two hexadecimal digits each.
type digits []byte

func (d *digits) UnmarshalText(text []byte) error {
	value, err := hex.DecodeString(string(text))
	*d = value
	return err
}

// RunVector runs the program of one file, and says what isn't as it should be; with check it only looks whether it is
// refused. See Host for turns.
func RunVector(path string, turns int, check bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var v Vector
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	program, err := Decode(v.Program)
	if err == nil {
		err = Verify(program)
	}
	switch {
	case err != nil && v.Refused == nil:
		return fmt.Errorf("refused: %w", err)
	case err == nil && v.Refused != nil:
		return fmt.Errorf("not refused (%s)", *v.Refused)
	case err != nil || check:
		return nil
	}
	return v.run(program, turns)
}

func (v *Vector) run(program *Program, turns int) error {
	var blocks []Block
	for address, content := range v.Memory {
		blocks = append(blocks, Block{uint64(address), content})
	}
	m := NewMachine(program, Host{NewTarget(blocks), v.Pages, uint64(v.Clock), v.Capacities, turns})
	if err := v.fill(m); err != nil {
		return err
	}
	err := m.Run()
	var trapped trap
	switch {
	case errors.As(err, &trapped):
		if v.Trap == nil {
			return fmt.Errorf("a trap: %w", err)
		}
		return nil
	case errors.Is(err, errStopped):
		if v.Stopped == nil {
			return errors.New("it turned too often")
		}
		return nil
	case err != nil:
		return err
	case v.Leaves == nil:
		return errors.New("it ended in the usual way")
	}
	return v.compare(m)
}

// fill puts into host buffers and dicts what the vector says.
func (v *Vector) fill(m *Machine) error {
	given := 0
	for i, b := range m.program.Buffers {
		if content, ok := v.Buffers[b.Name]; ok && b.Host && len(content) <= len(m.buffers[i]) {
			copy(m.buffers[i], content)
			given++
		}
	}
	for i, d := range m.program.Dicts {
		if content, ok := v.Dicts[d.Name]; ok && d.Host {
			for key, value := range content {
				m.dicts[i][uint64(key)] = uint64(value)
			}
			given++
		}
	}
	if given != len(v.Buffers)+len(v.Dicts) {
		return errors.New("the vector gives what the program doesn't take")
	}
	return nil
}

// compare says where what is there after a run is not what the vector says.
func (v *Vector) compare(m *Machine) error {
	found := 0
	for i, b := range m.program.Buffers {
		if !b.Host {
			continue
		}
		found++
		want, ok := v.Leaves.Buffers[b.Name]
		if !ok {
			return fmt.Errorf("buffer %s is not in the vector", b.Name)
		}
		if err := want.compare(m.buffers[i]); err != nil {
			return fmt.Errorf("buffer %s: %w", b.Name, err)
		}
	}
	for i, d := range m.program.Dicts {
		if !d.Host {
			continue
		}
		found++
		want, ok := v.Leaves.Dicts[d.Name]
		if !ok || !maps.Equal(plain(want), m.dicts[i]) {
			return fmt.Errorf("dict %s holds %v, not %v", d.Name, m.dicts[i], want)
		}
	}
	if found != len(v.Leaves.Buffers)+len(v.Leaves.Dicts) {
		return errors.New("the vector has more buffers or dicts")
	}
	if len(m.output.pages) != len(v.Leaves.Pages) {
		return fmt.Errorf("%d pages, not %d", len(m.output.pages), len(v.Leaves.Pages))
	}
	for i, page := range m.output.pages {
		if err := v.Leaves.Pages[i].compare(page); err != nil {
			return fmt.Errorf("page %d: %w", i, err)
		}
	}
	return nil
}

func plain(dict map[number]number) map[uint64]uint64 {
	made := make(map[uint64]uint64, len(dict))
	for key, value := range dict {
		made[uint64(key)] = uint64(value)
	}
	return made
}

// compare says at which offset bytes differ from the stretches, between which all is zero.
func (s stretches) compare(got []byte) error {
	want := make([]byte, len(got))
	for offset, content := range s {
		if uint64(offset) > uint64(len(want)) || len(content) > len(want)-int(offset) {
			return fmt.Errorf("the vector has bytes at %d, behind the end", offset)
		}
		copy(want[offset:], content)
	}
	if bytes.Equal(want, got) {
		return nil
	}
	at := 0
	for want[at] == got[at] {
		at++
	}
	return fmt.Errorf("byte %d is %#02x, not %#02x", at, got[at], want[at])
}
