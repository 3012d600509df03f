package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"
)

// driverOfNothing never answers a statement.
type driverOfNothing struct{}

type conn struct{}

type stmt struct{}

func (driverOfNothing) Open(string) (driver.Conn, error)   { return &conn{}, nil }
func (c *conn) Prepare(string) (driver.Stmt, error)        { return &stmt{}, nil }
func (c *conn) Close() error                               { return nil }
func (c *conn) Begin() (driver.Tx, error)                  { return c, nil }
func (c *conn) Commit() error                              { select {} }
func (c *conn) Rollback() error                            { return nil }
func (s *stmt) Close() error                               { return nil }
func (s *stmt) NumInput() int                              { return -1 }
func (s *stmt) Exec([]driver.Value) (driver.Result, error) { select {} }
func (s *stmt) Query([]driver.Value) (driver.Rows, error)  { select {} }

// statements leaves four connections in use by as many kinds of statements, and two that wait for one.
func statements() {
	sql.Register("nothing", driverOfNothing{})
	db, err := sql.Open("nothing", "")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(4)
	ctx, cancel := context.WithDeadline(context.Background(), time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC))
	cancels = append(cancels, cancel)
	prepared, err := db.PrepareContext(ctx, "select prepared")
	if err != nil {
		panic(err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		panic(err)
	}
	go tx.Commit()
	go db.QueryContext(ctx, "select stock from items where id = ?", 7)
	go db.ExecContext(context.Background(), "update items set stock = 0")
	go prepared.QueryContext(ctx, "seven")
	for db.Stats().InUse < 4 {
		time.Sleep(time.Millisecond)
	}
	for i := 0; i < 2; i++ {
		go db.QueryContext(ctx, "select late")
	}
}
