// Package numbers holds integers, floats and complex numbers of every size, at their edges.
package numbers

import (
	"math"

	"example.org/corpus/hold"
)

type Celsius float64
type ID uint32

// Start lets goroutines wait with numbers.
func Start() {
	hold.Go(func() { integers(-128, 255, math.MinInt16, math.MaxUint16) })
	hold.Go(func() { wide(math.MinInt64, math.MaxUint64, -1) })
	hold.Go(func() { floats(1.5, math.Inf(-1), 0.1) })
	hold.Go(func() { sum(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12.5, true) })
	hold.Go(func() { mean([]float64{1, 2, 4.25}) })
}

//go:noinline
func integers(a int8, b uint8, c int16, d uint16) {
	e := int32(a) * int32(c)
	f := uint32(b) << 20
	id := ID(f | 7)
	r := 'é'
	yes, no := a < 0, b == 0
	hold.Here()
	hold.Use(a)
	hold.Use(b)
	hold.Use(c)
	hold.Use(d)
	hold.Use(e)
	hold.Use(f)
	hold.Use(id)
	hold.Use(r)
	hold.Use(yes)
	hold.Use(no)
}

//go:noinline
func wide(a int64, b uint64, c int) {
	p := uintptr(b >> 3)
	product := uint64(c) * b
	hold.Here()
	hold.Use(a)
	hold.Use(b)
	hold.Use(c)
	hold.Use(p)
	hold.Use(product)
}

//go:noinline
func floats(x, y float64, z float32) {
	nan := math.Sqrt(-x)
	negative := math.Copysign(0, -1)
	temperature := Celsius(x * -20)
	c := complex(x, y)
	d := complex(z, -z)
	smallest := math.Float64frombits(1)
	hold.Here()
	hold.Use(x)
	hold.Use(y)
	hold.Use(z)
	hold.Use(nan)
	hold.Use(negative)
	hold.Use(temperature)
	hold.Use(c)
	hold.Use(d)
	hold.Use(smallest)
}

// sum takes more than there are registers for.
//
//go:noinline
func sum(a, b, c, d, e, f, g, h, i, j, k int, x float64, ok bool) (total int, scale float64) {
	total = a + b + c + d + e + f + g + h + i + j + k
	scale = x * float64(total)
	hold.Here()
	if ok {
		total += a * k
	}
	return total, scale
}

//go:noinline
func mean(values []float64) float64 {
	var sum, worst float64
	for i, v := range values {
		sum += v
		if v > worst {
			worst = v
		}
		if i == len(values)-1 {
			hold.Here()
		}
	}
	return sum/float64(len(values)) - worst
}
