package main

const (
	pageBytes   = 262144
	pageHeader  = 16
	recordAlign = 8
)

// output is the pages of records (section 3.3).
type output struct {
	pages   [][]byte
	allowed int
	current []int // The page that each stream claimed last, or -1.
}

func newOutput(streams, allowed int) output {
	o := output{allowed: allowed, current: make([]int, streams)}
	for i := range o.current {
		o.current[i] = -1
	}
	return o
}

// begin gives the position of a new record of n bytes.
func (o *output) begin(stream int, n uint64) (uint64, error) {
	page := o.current[stream]
	if page < 0 || pageHeader+used(o.pages[page])+n > pageBytes {
		if len(o.pages) >= o.allowed {
			return 0, &fault{faultFull, 0}
		}
		page = len(o.pages)
		o.pages = append(o.pages, make([]byte, pageBytes))
		le.PutUint32(o.pages[page], uint32(stream)+1)
		o.current[stream] = page
	}
	before := used(o.pages[page])
	le.PutUint32(o.pages[page][4:], uint32(before+n))
	return uint64(page)*pageBytes + pageHeader + before, nil
}

func used(page []byte) uint64 { return uint64(le.Uint32(page[4:])) }

// place gives what of a page begins at a place in a record, if n bytes are there.
func (o *output) place(position, offset, d, n uint64) ([]byte, error) {
	page, within := position/pageBytes, position%pageBytes
	if page >= uint64(len(o.pages)) {
		return nil, trap("the record is in no page")
	}
	if within < pageHeader {
		return nil, trap("the record is in the header of a page")
	}
	at := within + offset%65536 + d
	if at+n > pageBytes {
		return nil, trap("it reaches behind the page")
	}
	return o.pages[page][at:], nil
}

// write does an operation on output.
func (m *Machine) write(i *Instruction, r []uint64) error {
	optional := func(register uint16) uint64 {
		if register == noRegister {
			return 0
		}
		return r[register]
	}
	switch i.Op {
	case opBegin, opReserve:
		n := m.program.Streams[i.M].Size
		if i.Op == opReserve {
			n = max(alignUp(min(r[i.B], uint64(i.X))), recordAlign)
		}
		position, err := m.output.begin(int(i.M), n)
		if err != nil {
			return err
		}
		r[i.A] = position
	case opSet:
		place, err := m.output.place(r[i.A], optional(i.B), i.D, kindBytes[i.Kind])
		if err != nil {
			return err
		}
		writeNumber(place, i.Kind, r[i.C])
	case opPeek:
		place, err := m.output.place(r[i.B], optional(i.C), i.D, kindBytes[i.Kind])
		if err != nil {
			return err
		}
		r[i.A] = loaded(place, i.Kind)
	case opCopy:
		n := min(r[i.E], uint64(i.X))
		place, err := m.output.place(r[i.A], optional(i.B), i.D, n)
		if err != nil {
			return err
		}
		return m.host.Target.copyTo(place, r[i.C], n)
	}
	return nil
}
