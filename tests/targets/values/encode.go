package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// encoded is a value as the target knows it. Value is
//
//	a number for integers and for finite floats, "NaN", "+Inf" or "-Inf" for the others; [real, imaginary] for complex
//	a string, its bytes that are not UTF-8 as \xNN
//	{"$bytes": HEX} for []byte
//	a list for arrays and slices, an object for structs (embedded ones under their type's name)
//	{"$pointer": VALUE} for pointers, and {"$pointer": {"$cycle": true}} where one leads back to an enclosing value
//	{"type": NAME, "value": VALUE} for interfaces, the name with its full import path
//	{"$time": RFC 3339 with nanoseconds, in UTC} for time.Time, nanoseconds for time.Duration
//	{"$status": "nil"} for nil pointers, slices and interfaces
//	an object for maps, by the text of their keys; {"len", "cap"} for channels; {"func": NAME} for functions
//	{"$address": true} for unsafe pointers
type encoded struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// encode takes a pointer to the interface where the variable is one, since an interface within an interface is lost.
func encode(value any) encoded {
	v := reflect.ValueOf(value)
	if boxed, ok := value.(boxedInterface); ok {
		v = boxed.value
	}
	if !v.IsValid() {
		return encoded{"nil", status("nil")}
	}
	return encoded{typeName(v.Type()), tree(v, map[uintptr]bool{})}
}

// boxedInterface keeps the static type of a variable of interface type.
type boxedInterface struct{ value reflect.Value }

func boxed[T any](variable T) boxedInterface {
	return boxedInterface{reflect.ValueOf(&variable).Elem()}
}

func status(word string) any { return map[string]string{"$status": word} }

func typeName(t reflect.Type) string {
	switch {
	case t.Name() != "" && t.PkgPath() != "":
		return t.PkgPath() + "." + t.Name()
	case t.Kind() == reflect.Pointer && t.Name() == "":
		return "*" + typeName(t.Elem())
	case t.Kind() == reflect.Slice && t.Name() == "":
		return "[]" + typeName(t.Elem())
	}
	return t.String()
}

func tree(v reflect.Value, above map[uintptr]bool) any {
	switch v.Type() {
	case typeFor[time.Time]():
		return map[string]string{"$time": readable(v).Interface().(time.Time).UTC().Format(time.RFC3339Nano)}
	case typeFor[[]byte]():
		if v.IsNil() {
			return status("nil")
		}
		return map[string]string{"$bytes": hex.EncodeToString(v.Bytes())}
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return v.Uint()
	case reflect.Float32:
		return number(v.Float(), 32)
	case reflect.Float64:
		return number(v.Float(), 64)
	case reflect.Complex64:
		return []any{number(real(v.Complex()), 32), number(imag(v.Complex()), 32)}
	case reflect.Complex128:
		return []any{number(real(v.Complex()), 64), number(imag(v.Complex()), 64)}
	case reflect.String:
		return visible(v.String())
	case reflect.Array:
		return items(v, above)
	case reflect.Slice:
		if v.IsNil() {
			return status("nil")
		}
		return items(v, above)
	case reflect.Struct:
		return fields(v, above)
	case reflect.Pointer:
		return pointee(v, above)
	case reflect.Interface:
		if v.IsNil() {
			return status("nil")
		}
		return encoded{typeName(v.Elem().Type()), tree(v.Elem(), above)}
	}
	return reference(v, above)
}

func reference(v reflect.Value, above map[uintptr]bool) any {
	if v.IsNil() {
		return status("nil")
	}
	switch v.Kind() {
	case reflect.Map:
		object := map[string]any{}
		for _, key := range v.MapKeys() {
			object[fmt.Sprint(key)] = tree(v.MapIndex(key), above)
		}
		return object
	case reflect.Chan:
		return map[string]any{"len": v.Len(), "cap": v.Cap()}
	case reflect.Func:
		return map[string]any{"func": runtime.FuncForPC(v.Pointer()).Name()}
	}
	return map[string]any{"$address": true}
}

func number(f float64, bits int) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strings.Replace(fmt.Sprintf("%+v", f), "+NaN", "NaN", 1)
	}
	text := strconv.FormatFloat(f, 'g', -1, bits)
	if !strings.ContainsAny(text, ".e") {
		text += ".0" // Keeps the sign of zero through JSON.
	}
	return json.RawMessage(text)
}

func visible(s string) string {
	var text strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&text, `\x%02x`, s[0])
		} else {
			text.WriteString(s[:size])
		}
		s = s[size:]
	}
	return text.String()
}

func items(v reflect.Value, above map[uintptr]bool) any {
	list := []any{}
	for i := 0; i < v.Len(); i++ {
		list = append(list, tree(v.Index(i), above))
	}
	return list
}

func fields(v reflect.Value, above map[uintptr]bool) any {
	object := map[string]any{}
	for i := 0; i < v.NumField(); i++ {
		object[v.Type().Field(i).Name] = tree(v.Field(i), above)
	}
	return object
}

func pointee(v reflect.Value, above map[uintptr]bool) any {
	if v.IsNil() {
		return status("nil")
	}
	at := v.Pointer()
	if above[at] {
		return map[string]any{"$pointer": map[string]bool{"$cycle": true}}
	}
	above[at] = true
	defer delete(above, at)
	return map[string]any{"$pointer": tree(v.Elem(), above)}
}

// readable is v, also where it was reached through an unexported field.
func readable(v reflect.Value) reflect.Value {
	if v.CanInterface() {
		return v
	}
	t := time.Time{}
	for i := 0; i < v.NumField(); i++ {
		field := reflect.NewAt(v.Field(i).Type(), reflect.ValueOf(&t).Elem().Field(i).Addr().UnsafePointer()).Elem()
		switch field.Kind() {
		case reflect.Uint64:
			field.SetUint(v.Field(i).Uint())
		case reflect.Int64:
			field.SetInt(v.Field(i).Int())
		}
	}
	return reflect.ValueOf(t)
}

// typeFor is reflect.TypeFor of Go 1.22.
func typeFor[T any]() reflect.Type { return reflect.TypeOf((*T)(nil)).Elem() }
