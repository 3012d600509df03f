// A target with a page of memory that it serves itself (userfaultfd): whoever reads it, the kernel on behalf of another
// process too, waits until the target says what is there. A garbage collector or a live migration does the like.
//
// It prints "ready {"address": n}", the address of the page, then answers commands on stdin, one a line:
//
//	serve    the page is zero, waiting readers go on
//	quit     ends it
//
// Where userfaultfd is forbidden, the address is 0. Every answer is "answer COMMAND BYTES\n" followed by that many bytes.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// From include/uapi/linux/userfaultfd.h.
const (
	sysUserfaultfd      = 323
	apiVersion          = 0xAA
	ioctlAPI            = 0xC018AA3F
	ioctlRegister       = 0xC020AA00
	ioctlZeropage       = 0xC020AA04
	registerModeMissing = 1
	pageSize            = 4096
)

func main() {
	page, fd := unservedPage()
	fmt.Printf("ready {\"address\": %d}\n", page)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch command := strings.TrimSpace(lines.Text()); command {
		case "serve":
			zero := [4]uint64{uint64(page), pageSize, 0, 0}
			ioctl(fd, ioctlZeropage, unsafe.Pointer(&zero))
			fmt.Printf("answer %s 0\n", command)
		case "quit":
			return
		}
	}
}

// unservedPage makes a page that blocks its readers; its address is 0 where the kernel doesn't let us.
func unservedPage() (page, fd uintptr) {
	fd, _, errno := syscall.Syscall(sysUserfaultfd, syscall.O_CLOEXEC, 0, 0)
	if errno != 0 {
		return 0, 0
	}
	api := [3]uint64{apiVersion}
	if errno := ioctl(fd, ioctlAPI, unsafe.Pointer(&api)); errno != 0 {
		return 0, 0
	}
	memory, err := syscall.Mmap(-1, 0, pageSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	page = uintptr(unsafe.Pointer(&memory[0]))
	register := [4]uint64{uint64(page), pageSize, registerModeMissing}
	if errno := ioctl(fd, ioctlRegister, unsafe.Pointer(&register)); errno != 0 {
		return 0, 0
	}
	return page, fd
}

func ioctl(fd, request uintptr, argument unsafe.Pointer) syscall.Errno {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(argument))
	return errno
}
