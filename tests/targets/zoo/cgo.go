//go:build cgo

package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <unistd.h>

extern void zooCallback(int);
extern void zooNested(int);
extern void zooSleeps(void);
extern void zooSpins(void);
extern void zooFaults(void);
extern void zooLocks(void);

static void sleep_in_c(int seconds) { for (;;) sleep(seconds); }
static void call_back(int n) { zooCallback(n); }
static void call_back_nested(int n) { zooNested(n); }
static void call_back_to_sleep(void) { zooSleeps(); }
static void call_back_to_spin(void) { zooSpins(); }
static void call_back_to_fault(void) { zooFaults(); }
static void call_back_to_lock(void) { zooLocks(); }

static void *thread(void *unused) { zooCallback(7); return 0; }
static void call_back_from_thread(void) {
	pthread_t t;
	pthread_create(&t, 0, thread, 0);
}

// Threads that Go knows nothing of.
static void *sleeper(void *unused) { for (;;) sleep(86400); return 0; }
static void start_sleepers(int n) {
	pthread_t t;
	while (n--) pthread_create(&t, 0, sleeper, 0);
}

static long spin(volatile long n) { for (;;) n++; return n; }
*/
import "C"

// foreignThreads is how many threads C code starts for itself.
const foreignThreads = 3

func startCgo() {
	C.start_sleepers(foreignThreads)
	start(sleepInC, callbackFromC, nestedCallbacks, sleepInCInCallback, faultInCallback, lockInCallback)
	arrived.Add(1)
	C.call_back_from_thread()
}

// runningCgo never waits either, in C.
var runningCgo = []func(){func() { C.spin(1) }, func() { C.call_back_to_spin() }}

func sleepInC() {
	arrived.Done()
	C.sleep_in_c(86400)
}

// callbackFromC is Go calling C calling Go.
func callbackFromC() {
	C.call_back(3)
}

//export zooCallback
func zooCallback(n C.int) {
	arrived.Done()
	<-forever
}

// nestedCallbacks is Go calling C calling Go, four times over.
func nestedCallbacks() { C.call_back_nested(4) }

//export zooNested
func zooNested(n C.int) {
	if n > 1 {
		C.call_back_nested(n - 1)
	}
	arrived.Done()
	<-forever
}

// sleepInCInCallback rests in C code that was called from Go code that was called from C code.
func sleepInCInCallback() { C.call_back_to_sleep() }

//export zooSleeps
func zooSleeps() { sleepInC() }

//export zooSpins
func zooSpins() { callLeaf(6) }

// faultInCallback has a signal's frame above a callback's.
func faultInCallback() { C.call_back_to_fault() }

//export zooFaults
func zooFaults() { deferAfterFault() }

func lockInCallback() { C.call_back_to_lock() }

//export zooLocks
func zooLocks() { lockedThread() }
