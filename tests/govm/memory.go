package main

import "sort"

// access does an operation on memories or on the target (section 3.2).
func (m *Machine) access(i *Instruction, r []uint64) error {
	switch i.Op {
	case opLoad:
		r[i.A] = loaded(m.place(i, r), i.Kind)
	case opStore:
		writeNumber(m.place(i, r), i.Kind, r[i.A])
	case opFill:
		n := min(r[i.C], uint64(i.X))
		return m.host.Target.copyTo(m.place(i, r), r[i.A], n)
	case opRead:
		var bytes [8]byte
		if err := m.host.Target.copyTo(bytes[:], r[i.B], kindBytes[i.Kind]); err != nil {
			return err
		}
		r[i.A] = loaded(bytes[:], i.Kind)
	case opRow:
		r[i.A] = rowOf(&m.program.Columns[i.M], r[i.B])
	case opSearch:
		r[i.A] = search(&m.program.Columns[i.M], r[i.B])
	case opClock:
		r[i.A] = m.host.Clock
	default:
		m.lookUp(i, r)
	}
	return nil
}

// place gives what of a buffer begins at the place that an instruction names.
func (m *Machine) place(i *Instruction, r []uint64) []byte {
	at := i.D
	if i.B != noRegister {
		at += r[i.B] % m.program.Buffers[i.M].Size
	}
	return m.buffers[i.M][at:]
}

// loaded is what LOAD, READ and PEEK give: of kind 0 only the lowest bit.
func loaded(bytes []byte, kind uint8) uint64 { return lo(readNumber(bytes, kind), kindBits[kind]) }

func writeNumber(bytes []byte, kind uint8, value uint64) {
	value = lo(value, kindBits[kind])
	for i := uint64(0); i < kindBytes[kind]; i++ {
		bytes[i] = byte(value >> (8 * i))
	}
}

func rowOf(c *Column, b uint64) uint64 {
	row := b % roundedUp(c.Rows)
	if row >= c.Rows {
		return 0
	}
	return c.At(row)
}

func search(c *Column, b uint64) uint64 {
	above := sort.Search(int(c.Rows), func(row int) bool { return c.At(uint64(row)) > b })
	return uint64(above) - 1 // 2^64 - 1 where all are above.
}

func (m *Machine) lookUp(i *Instruction, r []uint64) {
	dict, key := m.dicts[i.M], r[i.B]
	value, found := dict[key]
	switch i.Op {
	case opGet:
		if !found {
			value = r[i.C]
		}
		r[i.A] = value
	case opPut:
		fits := found || uint64(len(dict)) < m.capacity(int(i.M))
		if fits {
			dict[key] = r[i.C]
		}
		r[i.A] = truth(fits)
	case opDelete:
		delete(dict, key)
	}
}

func (m *Machine) capacity(number int) uint64 {
	d := m.program.Dicts[number]
	if given, ok := m.host.Capacities[d.Name]; ok {
		return given
	}
	return d.Capacity
}

// A Target is the memory to read: blocks by address, none touching another.
type Target []Block

type Block struct {
	Address uint64
	Bytes   []byte // At least one.
}

// NewTarget sorts blocks and joins those that touch.
func NewTarget(blocks []Block) Target {
	sort.Slice(blocks, func(i, j int) bool { return blocks[i].Address < blocks[j].Address })
	var t Target
	for _, b := range blocks {
		if last := len(t) - 1; last >= 0 && t[last].Address+uint64(len(t[last].Bytes)) == b.Address {
			t[last].Bytes = append(t[last].Bytes, b.Bytes...)
		} else if len(b.Bytes) > 0 {
			t = append(t, b)
		}
	}
	return t
}

// copyTo copies n bytes from an address on, or n zeros where not all of them can be read, which is a fault.
func (t Target) copyTo(place []byte, address, n uint64) error {
	if n == 0 {
		return nil
	}
	block := sort.Search(len(t), func(i int) bool { return t[i].Address > address }) - 1
	if block >= 0 {
		bytes, from := t[block].Bytes, address-t[block].Address
		if from < uint64(len(bytes)) && n <= uint64(len(bytes))-from {
			copy(place, bytes[from:from+n])
			return nil
		}
	}
	clear(place[:n])
	return &fault{faultRead, address}
}
