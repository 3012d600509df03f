package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"unicode/utf8"
)

// A Program is what a .seyb file says, as section 2 of spec/bytecode.md lays it out.
type Program struct {
	Buffers   []Buffer
	Columns   []Column
	Dicts     []Dict
	Streams   []Stream
	Functions []Function
}

type Buffer struct {
	Name        string
	Host        bool
	Size, Slack uint64
}

type Column struct {
	Name   string
	Kind   uint8
	Sorted bool
	Rows   uint64
	Data   []byte // Rows values end to end.
}

type Dict struct {
	Name     string
	Host     bool
	Capacity uint64
}

type Stream struct {
	Name string
	Size uint64 // Of a record; 0: of any length.
}

type Function struct {
	Name      string
	Code      []Instruction
	Constants []uint64
	Variables int
	Params    int
	Result    bool
	Handlers  []Handler
}

type Handler struct {
	Start, End, Target uint32
	Code, Detail       uint16
}

type Instruction struct {
	Op, Kind      uint8
	M, A, B, C, E uint16
	X             uint32
	D             uint64
}

// Sections in the order in which they lie in a file.
const (
	secBuffers = iota
	secColumns
	secDicts
	secStreams
	secFunctions
	secHandlers
	secConstants
	secInstructions
	secNames
	secData
	sections
)

const (
	headerBytes  = 64
	knownVersion = 1
)

var entryBytes = [sections]uint64{24, 24, 16, 8, 32, 16, 8, 24, 1, 8}

var le = binary.LittleEndian

// kindBytes are the bytes that a value of each kind takes in memory, kindBits its bits.
var (
	kindBytes = [5]uint64{1, 1, 2, 4, 8}
	kindBits  = [5]uint64{1, 8, 16, 32, 64}
)

// Decode reads the bytes of a .seyb file and checks all of its form but what code means, which Verify does.
func Decode(file []byte) (*Program, error) {
	parts, err := split(file)
	if err != nil {
		return nil, err
	}
	d := &decoder{parts: parts}
	if err := d.readNames(); err != nil {
		return nil, err
	}
	if err := d.readMemories(); err != nil {
		return nil, err
	}
	if err := d.readFunctions(); err != nil {
		return nil, err
	}
	if d.named < len(d.names) {
		return nil, errors.New("a name that nothing has")
	}
	return &d.program, nil
}

// split checks the header and cuts the file into its sections, without their padding.
func split(file []byte) ([sections][]byte, error) {
	var parts [sections][]byte
	if len(file) < headerBytes || string(file[:4]) != "SEYB" {
		return parts, errors.New("no bytecode")
	}
	if version := le.Uint32(file[4:]); version != knownVersion {
		return parts, fmt.Errorf("version %d", version)
	}
	if le.Uint64(file[8:]) != uint64(len(file)) {
		return parts, errors.New("its length is not what its header says")
	}
	if le.Uint32(file[16:]) != crc32.ChecksumIEEE(file[headerBytes:]) {
		return parts, errors.New("its checksum is wrong")
	}
	if le.Uint32(file[20:]) != 0 {
		return parts, errors.New("bytes 20 to 23 are not zero")
	}
	at := uint64(headerBytes)
	for i := range parts {
		size := uint64(le.Uint32(file[24+4*i:])) * entryBytes[i]
		end := at + size
		next := alignUp(end)
		if next > uint64(len(file)) {
			return parts, fmt.Errorf("section %d lies behind the end", i)
		}
		parts[i] = file[at:end]
		if !allZero(file[end:next]) {
			return parts, fmt.Errorf("the padding of section %d is not zero", i)
		}
		at = next
	}
	if at != uint64(len(file)) {
		return parts, errors.New("something lies behind the last section")
	}
	return parts, nil
}

func alignUp(n uint64) uint64 { return (n + 7) &^ 7 }

func allZero(all []byte) bool {
	for _, b := range all {
		if b != 0 {
			return false
		}
	}
	return true
}

type decoder struct {
	parts   [sections][]byte
	names   []nameAt
	named   int // How many of the names were used so far.
	known   map[uint32]string
	program Program
}

type nameAt struct {
	offset uint32
	text   string
}

// readNames cuts the section of names into its texts.
func (d *decoder) readNames() error {
	d.known = map[uint32]string{}
	seen := map[string]bool{}
	section := d.parts[secNames]
	used := len(bytes.TrimRight(section, "\x00"))
	if used > 0 {
		used++ // The zero behind the last name.
	}
	if alignUp(uint64(used)) != uint64(len(section)) {
		return errors.New("the names don't end in a zero and up to 7 more")
	}
	section = section[:used]
	for at := 0; at < len(section); {
		end := at + bytes.IndexByte(section[at:], 0)
		text := string(section[at:end])
		if len(text) < 1 || len(text) > 255 || !utf8.ValidString(text) || seen[text] {
			return fmt.Errorf("the name at %d is empty, too long, no UTF-8 or there twice", at)
		}
		seen[text] = true
		d.names = append(d.names, nameAt{uint32(at), text})
		at = end + 1
	}
	return nil
}

// name gives the text at an offset. Texts have to be used in the order in which they lie there.
func (d *decoder) name(offset uint32) (string, error) {
	if text, ok := d.known[offset]; ok {
		return text, nil
	}
	if d.named == len(d.names) || d.names[d.named].offset != offset {
		return "", fmt.Errorf("no name that is due at %d", offset)
	}
	text := d.names[d.named].text
	d.known[offset] = text
	d.named++
	return text, nil
}

// entries calls read with each entry of a section and with the name that its first four bytes say.
func (d *decoder) entries(section int, read func(entry []byte, name string) error) error {
	part, size := d.parts[section], int(entryBytes[section])
	for at := 0; at < len(part); at += size {
		entry := part[at : at+size]
		name, err := d.name(le.Uint32(entry))
		if err != nil {
			return err
		}
		if err := read(entry, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (d *decoder) readMemories() error {
	p := &d.program
	err := d.entries(secBuffers, func(entry []byte, name string) error {
		host, err := isSet(le.Uint32(entry[4:]))
		p.Buffers = append(p.Buffers, Buffer{name, host, le.Uint64(entry[8:]), le.Uint64(entry[16:])})
		return err
	})
	if err != nil {
		return err
	}
	if err := d.readColumns(); err != nil {
		return err
	}
	err = d.entries(secDicts, func(entry []byte, name string) error {
		host, err := isSet(le.Uint32(entry[4:]))
		p.Dicts = append(p.Dicts, Dict{name, host, le.Uint64(entry[8:])})
		return err
	})
	if err != nil {
		return err
	}
	return d.entries(secStreams, func(entry []byte, name string) error {
		p.Streams = append(p.Streams, Stream{name, uint64(le.Uint32(entry[4:]))})
		return nil
	})
}

// readColumns cuts the data into those of the columns, which lie there one behind the other.
func (d *decoder) readColumns() error {
	data, end := d.parts[secData], uint64(0)
	err := d.entries(secColumns, func(entry []byte, name string) error {
		kind := le.Uint16(entry[4:])
		sorted, err := isSet(uint32(le.Uint16(entry[6:])))
		if err != nil || kind > 4 {
			return errors.New("no such kind or flag")
		}
		rows, offset, room := le.Uint64(entry[8:]), alignUp(end), uint64(len(data))
		if le.Uint64(entry[16:]) != offset || offset > room || rows > (room-offset)/kindBytes[kind] {
			return errors.New("its data are elsewhere")
		}
		if !allZero(data[end:offset]) {
			return errors.New("what lies before its data is not zero")
		}
		end = offset + rows*kindBytes[kind]
		column := Column{name, uint8(kind), sorted, rows, data[offset:end]}
		d.program.Columns = append(d.program.Columns, column)
		return nil
	})
	if err == nil && (alignUp(end) != uint64(len(data)) || !allZero(data[end:])) {
		err = errors.New("data of no column")
	}
	return err
}

// readFunctions gives functions their code, constants and handlers, which lie one behind the other.
func (d *decoder) readFunctions() error {
	code := entriesOf(d.parts[secInstructions], 24, readInstruction)
	constants := entriesOf(d.parts[secConstants], 8, le.Uint64)
	handlers := entriesOf(d.parts[secHandlers], 16, readHandler)
	var nextCode, nextConstant, nextHandler uint64
	err := d.entries(secFunctions, func(entry []byte, name string) error {
		word := func(at int) uint64 { return uint64(le.Uint32(entry[at:])) }
		result, err := isSet(uint32(entry[23]))
		if err != nil {
			return err
		}
		f := Function{Name: name, Variables: int(le.Uint16(entry[20:])), Params: int(entry[22]), Result: result}
		if f.Code, err = take(code, &nextCode, word(4), word(8)); err != nil {
			return err
		}
		if f.Constants, err = take(constants, &nextConstant, word(12), word(16)); err != nil {
			return err
		}
		if f.Handlers, err = take(handlers, &nextHandler, word(24), word(28)); err != nil {
			return err
		}
		d.program.Functions = append(d.program.Functions, f)
		return nil
	})
	rest := uint64(len(code)+len(constants)+len(handlers)) - nextCode - nextConstant - nextHandler
	if err == nil && rest != 0 {
		err = errors.New("code, constants or handlers of no function")
	}
	return err
}

// take cuts count entries from first on, which has to be the next.
func take[T any](all []T, next *uint64, first, count uint64) ([]T, error) {
	if first != *next || count > uint64(len(all))-first {
		return nil, errors.New("its parts are elsewhere")
	}
	*next = first + count
	return all[first:*next], nil
}

func entriesOf[T any](section []byte, size int, read func([]byte) T) []T {
	all := make([]T, 0, len(section)/size)
	for at := 0; at < len(section); at += size {
		all = append(all, read(section[at:]))
	}
	return all
}

func readInstruction(b []byte) Instruction {
	return Instruction{
		Op: b[0], Kind: b[1], M: le.Uint16(b[2:]),
		A: le.Uint16(b[4:]), B: le.Uint16(b[6:]), C: le.Uint16(b[8:]), E: le.Uint16(b[10:]),
		X: le.Uint32(b[12:]), D: le.Uint64(b[16:]),
	}
}

func readHandler(b []byte) Handler {
	return Handler{le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint16(b[12:]), le.Uint16(b[14:])}
}

func isSet(value uint32) (bool, error) {
	if value > 1 {
		return false, errors.New("a flag that is neither 0 nor 1")
	}
	return value == 1, nil
}

// At gives the value in a row that is there.
func (c *Column) At(row uint64) uint64 { return readNumber(c.Data[row*kindBytes[c.Kind]:], c.Kind) }

// readNumber gives the number of a kind in the first bytes, all of them: of kind 0 the whole byte.
func readNumber(from []byte, kind uint8) uint64 {
	var value uint64
	for i := uint64(0); i < kindBytes[kind]; i++ {
		value |= uint64(from[i]) << (8 * i)
	}
	return value
}
