package main

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

func startSyscalls() {
	start(syscallRead, syscallNanosleep, blockingFile, flock, lockedSyscall, childWait, epollWait)
}

func syscallRead() {
	var ends [2]int
	must(0, syscall.Pipe(ends[:]))
	buf := make([]byte, 10)
	arrived.Done()
	syscall.Read(ends[0], buf)
}

func syscallNanosleep() {
	long := syscall.Timespec{Sec: 86400}
	arrived.Done()
	for {
		syscall.Nanosleep(&long, nil)
	}
}

// blockingFile reads through os.File from a descriptor that the poller does not take.
func blockingFile() {
	var ends [2]int
	must(0, syscall.Pipe(ends[:]))
	file := os.NewFile(uintptr(ends[0]), "pipe")
	arrived.Done()
	file.Read(make([]byte, 3))
}

// flock waits for a lock that another open of the same file has.
func flock() {
	file := keep(os.CreateTemp("", "zoo"))
	again := must(os.Open(file.Name()))
	os.Remove(file.Name())
	must(0, syscall.Flock(int(file.Fd()), syscall.LOCK_EX))
	arrived.Done()
	for syscall.Flock(int(again.Fd()), syscall.LOCK_EX) == syscall.EINTR {
	}
}

func lockedSyscall() {
	runtime.LockOSThread()
	syscallNanosleep()
}

// childWait waits for a process that ends when this one does: its input ends then. It is this program again, since where
// other kernels are tried there is no other.
func childWait() {
	child := exec.Command("/proc/self/exe", "-child")
	keep(child.StdinPipe())
	must(0, child.Start())
	arrived.Done()
	child.Wait()
}

func epollWait() {
	poll := must(syscall.EpollCreate1(0))
	arrived.Done()
	for {
		syscall.EpollWait(poll, make([]syscall.EpollEvent, 1), -1)
	}
}
