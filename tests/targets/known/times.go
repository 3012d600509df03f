package main

import (
	"runtime"
	"time"
)

var (
	timeUTC     = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	timeZone    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("XST", 3600))
	timeUnnamed = time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 7200))
	timeLocal   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	timeNow     time.Time
	timeZero    time.Time
	timePointer *time.Time
	timeNone    *time.Time
)

type instant struct {
	Time      string `json:"time"`
	Zone      string `json:"zone"`
	Monotonic bool   `json:"monotonic"`
}

var forever = make(chan int)

var timeTruth = map[string]instant{}

func times() {
	timeNow = time.Now()
	timePointer = &timeNow
	go instants(&timeUTC, &timeZone, &timeUnnamed, &timeLocal, &timeNow, &timeZero)
	for name, at := range map[string]*time.Time{
		"timeUTC": &timeUTC, "timeZone": &timeZone, "timeUnnamed": &timeUnnamed, "timeLocal": &timeLocal, "timeNow": &timeNow,
		"timeZero": &timeZero,
	} {
		_, stripped := at.Round(0).GobEncode()
		timeTruth[name] = instant{at.UTC().Format(time.RFC3339Nano), at.Location().String(), stripped == nil && *at != at.Round(0)}
	}
	kept = append(kept, &timePointer, &timeNone, timePointer)
}

// instants has a parameter for each of the instants.
//
//go:noinline
func instants(timeUTC, timeZone, timeUnnamed, timeLocal, timeNow, timeZero *time.Time) {
	<-forever
	runtime.KeepAlive([]*time.Time{timeUTC, timeZone, timeUnnamed, timeLocal, timeNow, timeZero})
}
