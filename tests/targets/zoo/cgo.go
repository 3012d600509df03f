//go:build cgo

package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <unistd.h>

extern void zooCallback(int);

static void sleep_in_c(int seconds) { for (;;) sleep(seconds); }
static void call_back(int n) { zooCallback(n); }

static void *thread(void *unused) { zooCallback(7); return 0; }
static void call_back_from_thread(void) {
	pthread_t t;
	pthread_create(&t, 0, thread, 0);
}

static long spin(volatile long n) { for (;;) n++; return n; }
*/
import "C"

func startCgo() {
	start(sleepInC, callbackFromC)
	arrived.Add(1)
	C.call_back_from_thread()
}

// runningCgo never waits either, in C.
var runningCgo = []func(){func() { C.spin(1) }}

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
