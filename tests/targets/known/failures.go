package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"syscall"
)

type refusal struct{ Code int }

func (r *refusal) Error() string { return "refused with " + strconv.Itoa(r.Code) }

type traced struct {
	error
	Where string
}

var (
	errPlain      = errors.New("plain")
	errNone       error
	errWrapped    = fmt.Errorf("outer: %w", fmt.Errorf("inner: %w", io.ErrUnexpectedEOF))
	errSeveral    = fmt.Errorf("%w and %w", io.EOF, errPlain)
	errJoined     = errors.Join(errPlain, errWrapped)
	errPath       error
	errLink       error
	errSyscall    = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	errNumber     error
	errNumberOdd  error
	errURL        error
	errURLOdd     error
	errDial       error
	errNet        error
	errDNS        error = &net.DNSError{Err: "no such host", Name: "example.invalid", Server: "192.0.2.53:53", IsNotFound: true}
	errAddress    error = &net.AddrError{Err: "missing port in address", Addr: "example.com"}
	errErrno      error = syscall.ENOENT
	errErrnoHigh  error = syscall.Errno(999)
	errDeadline         = context.DeadlineExceeded
	errCanceled         = context.Canceled
	errIOTimeout        = os.ErrDeadlineExceeded
	errClosed           = net.ErrClosed
	errExec       error
	errOwn        error = &refusal{7}
	errOwnWrapped       = fmt.Errorf("wrapped: %w", &refusal{8})
	errOwnPath    error = &fs.PathError{Op: "open", Path: "/x", Err: &refusal{9}}
	errTraced     error = traced{errPlain, "here"}
	errNilPath    error = (*fs.PathError)(nil)
	errDeep       error = io.EOF
	errSyntax     error
)

type failure struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

var errorTruth = map[string]failure{}

func failures() {
	_, errPath = os.Open("/nonexistent/file")
	errLink = os.Rename("/nonexistent/a", "/nonexistent/b")
	_, errNumber = strconv.Atoi("12x")
	_, errNumberOdd = strconv.ParseInt("ä\t\"\\", 10, 64)
	_, errURL = url.Parse("http://a b.com/")
	errURLOdd = &url.Error{Op: "Get", URL: "http://h/\x01é", Err: io.EOF}
	_, errDial = net.Dial("tcp", "127.0.0.1:1")
	errNet = &net.OpError{Op: "read", Net: "tcp", Source: tcp4, Addr: &tcp6, Err: errSyscall}
	_, errExec = exec.LookPath("no-such-program")
	errSyntax = json.Unmarshal([]byte("{x"), &struct{}{})
	for i := 0; i < 20; i++ {
		errDeep = fmt.Errorf("%d: %w", i, errDeep)
	}
	for name, err := range map[string]*error{
		"errPlain": &errPlain, "errWrapped": &errWrapped, "errSeveral": &errSeveral, "errJoined": &errJoined, "errPath": &errPath,
		"errLink": &errLink, "errSyscall": &errSyscall, "errNumber": &errNumber, "errNumberOdd": &errNumberOdd, "errURL": &errURL,
		"errURLOdd": &errURLOdd, "errDial": &errDial, "errNet": &errNet, "errDNS": &errDNS, "errAddress": &errAddress,
		"errErrno": &errErrno, "errErrnoHigh": &errErrnoHigh, "errDeadline": &errDeadline, "errCanceled": &errCanceled,
		"errIOTimeout": &errIOTimeout, "errClosed": &errClosed, "errExec": &errExec, "errOwn": &errOwn,
		"errOwnWrapped": &errOwnWrapped, "errOwnPath": &errOwnPath, "errTraced": &errTraced, "errDeep": &errDeep,
		"errSyntax": &errSyntax,
	} {
		kept = append(kept, err)
		at := *err
		for depth := 0; at != nil; depth++ {
			key := name
			if depth > 0 {
				key = fmt.Sprintf("%s/%d", name, depth)
			}
			errorTruth[key] = failure{typeName(at), at.Error()}
			at = errors.Unwrap(at)
		}
	}
	kept = append(kept, &errNone, &errNilPath)
}

// typeName is the name of a dynamic type with its import path.
func typeName(value any) string {
	t, stars := reflect.TypeOf(value), ""
	for t.Kind() == reflect.Pointer {
		t, stars = t.Elem(), stars+"*"
	}
	return stars + t.PkgPath() + "." + t.Name()
}
