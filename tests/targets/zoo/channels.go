package main

import "reflect"

func startChannels() {
	start(chanReceive, chanReceiveNil, chanSend, chanSendNil, chanRange, selectNone, selectOne, selectMany, selectReflect)
}

func chanReceive() {
	arrived.Done()
	<-forever
}

func chanReceiveNil() {
	var none chan string
	arrived.Done()
	<-none
}

func chanSend() {
	full := make(chan int, 1)
	full <- 1
	arrived.Done()
	full <- 2
}

func chanSendNil() {
	var none chan int
	arrived.Done()
	none <- 1
}

func chanRange() {
	arrived.Done()
	for range forever {
	}
}

func selectNone() {
	arrived.Done()
	select {}
}

// selectOne has one case and so compiles to a plain receive.
func selectOne() {
	arrived.Done()
	select {
	case <-forever:
	}
}

func selectMany() {
	in, out := make(chan string), make(chan int)
	arrived.Done()
	select {
	case <-in:
	case <-forever:
	case out <- 3:
	}
}

func selectReflect() {
	receive := reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(forever)}
	arrived.Done()
	reflect.Select([]reflect.SelectCase{receive, receive})
}
