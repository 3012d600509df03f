package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"
)

type key struct{}

type ownContext struct {
	context.Context
	Name string
}

var (
	ctxBackground = context.Background()
	ctxTodo       = context.TODO()
	ctxValue      = context.WithValue(context.WithValue(context.Background(), key{}, "outer"), "name", 7)
	ctxCancel     context.Context
	ctxCancelled  context.Context
	ctxCaused     context.Context
	ctxDeadline   context.Context
	ctxLater      context.Context
	ctxExpired    context.Context
	ctxWithout    context.Context
	ctxAfter      context.Context
	ctxSignal     context.Context
	ctxChild      context.Context
	ctxOwn        context.Context
	ctxNone       context.Context
)

type contextFacts struct {
	Type      string   `json:"type"`
	Deadline  *string  `json:"deadline"`
	Cancelled bool     `json:"cancelled"`
	Error     *string  `json:"error"`
	Cause     *string  `json:"cause"`
	Values    []string `json:"values"`
}

var contextTruth = map[string]contextFacts{}

func contexts() {
	ctxCancel, _ = context.WithCancel(ctxValue)
	var cancel context.CancelFunc
	ctxCancelled, cancel = context.WithCancel(ctxValue)
	cancel()
	var cause context.CancelCauseFunc
	ctxCaused, cause = context.WithCancelCause(context.Background())
	cause(errors.New("the cause"))
	ctxDeadline, _ = context.WithDeadline(context.Background(), time.Now().Add(time.Hour).Round(0))
	ctxLater, _ = context.WithTimeout(context.WithValue(ctxDeadline, key{}, "in between"), 2*time.Hour)
	ctxExpired, _ = context.WithTimeout(context.Background(), time.Nanosecond)
	ctxWithout = context.WithValue(context.WithoutCancel(ctxCaused), key{}, "kept")
	context.AfterFunc(ctxDeadline, func() {})
	ctxAfter = ctxDeadline
	ctxSignal, _ = signal.NotifyContext(ctxLater, os.Interrupt)
	ctxChild, _ = context.WithCancel(context.WithValue(ctxCaused, key{}, "child"))
	ctxOwn = context.WithValue(ownContext{ctxDeadline, "mine"}, key{}, "around")
	<-ctxExpired.Done()
	for name, ctx := range map[string]*context.Context{
		"ctxBackground": &ctxBackground, "ctxTodo": &ctxTodo, "ctxValue": &ctxValue, "ctxCancel": &ctxCancel,
		"ctxCancelled": &ctxCancelled, "ctxCaused": &ctxCaused, "ctxDeadline": &ctxDeadline, "ctxLater": &ctxLater,
		"ctxExpired": &ctxExpired, "ctxWithout": &ctxWithout, "ctxAfter": &ctxAfter, "ctxSignal": &ctxSignal,
		"ctxChild": &ctxChild, "ctxOwn": &ctxOwn,
	} {
		kept = append(kept, ctx)
		contextTruth[name] = facts(*ctx)
	}
	kept = append(kept, &ctxNone)
}

func facts(ctx context.Context) contextFacts {
	truth := contextFacts{Type: typeName(ctx), Cancelled: ctx.Err() != nil, Values: []string{}}
	if deadline, ok := ctx.Deadline(); ok {
		truth.Deadline = pointer(deadline.UTC().Format(time.RFC3339Nano))
	}
	if err := ctx.Err(); err != nil {
		truth.Error = pointer(err.Error())
	}
	if err := context.Cause(ctx); err != nil {
		truth.Cause = pointer(err.Error())
	}
	for _, k := range []any{key{}, "name"} {
		if value := ctx.Value(k); value != nil {
			truth.Values = append(truth.Values, fmt.Sprint(value))
		}
	}
	return truth
}

func pointer[T any](value T) *T { return &value }
