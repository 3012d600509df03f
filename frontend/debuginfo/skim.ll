; One pass over the entries of a unit: what `native.py` compiles for this machine. The form of the steps and rows, and
; the number of columns in a row, are those of `steps.py`.
;
; Nothing is believed of the bytes. Every read is checked against the end of the unit, and a position beyond the end
; means trouble: whatever finds any sets it, nothing reads there, and the entry is refused when its steps are done.

; A number in LEB128 at *at, which moves behind it. More than 64 bits are trouble.
define internal i64 @uleb(ptr %info, ptr %at, i64 %end) alwaysinline {
entry:
  br label %next
next:
  %value = phi i64 [ 0, %entry ], [ %sum, %more ]
  %shift = phi i64 [ 0, %entry ], [ %shift7, %more ]
  %here = load i64, ptr %at
  %inside = icmp ult i64 %here, %end
  br i1 %inside, label %read, label %trouble
read:
  %place = getelementptr i8, ptr %info, i64 %here
  %byte = load i8, ptr %place
  %behind = add i64 %here, 1
  store i64 %behind, ptr %at
  %low7 = and i8 %byte, 127
  %low = zext i8 %low7 to i64
  %last = icmp eq i64 %shift, 63
  %wide = icmp ugt i8 %byte, 1
  %beyond = and i1 %last, %wide
  br i1 %beyond, label %trouble, label %fits
fits:
  %part = shl i64 %low, %shift
  %sum = or i64 %value, %part
  %ends = icmp ult i8 %byte, 128
  br i1 %ends, label %done, label %more
more:
  %shift7 = add i64 %shift, 7
  br label %next
done:
  ret i64 %sum
trouble:
  %past = add i64 %end, 1
  store i64 %past, ptr %at
  ret i64 0
}

; The low 64 bits of a number with a sign in LEB128 at *at, which moves behind it. More than 10 bytes are trouble.
define internal i64 @sleb(ptr %info, ptr %at, i64 %end) alwaysinline {
entry:
  %here = load i64, ptr %at
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %i1, %read ]
  %value = phi i64 [ 0, %entry ], [ %sum, %read ]
  %shift = phi i64 [ 0, %entry ], [ %shift7, %read ]
  %offset = add i64 %here, %i
  %inside = icmp ult i64 %offset, %end
  %short = icmp ult i64 %i, 10
  %go = and i1 %inside, %short
  br i1 %go, label %read, label %trouble
read:
  %place = getelementptr i8, ptr %info, i64 %offset
  %byte = load i8, ptr %place
  %low7 = and i8 %byte, 127
  %low = zext i8 %low7 to i64
  %part = shl i64 %low, %shift
  %sum = or i64 %value, %part
  %i1 = add i64 %i, 1
  %shift7 = add i64 %shift, 7
  %ends = icmp ult i8 %byte, 128
  br i1 %ends, label %done, label %next
done:
  %behind = add i64 %offset, 1
  store i64 %behind, ptr %at
  %sign = and i8 %byte, 64
  %negative = icmp ne i8 %sign, 0
  %room = icmp ult i64 %shift7, 64
  %extend = and i1 %negative, %room
  %safe = select i1 %room, i64 %shift7, i64 0
  %ones = shl i64 -1, %safe
  %filled = or i64 %sum, %ones
  %result = select i1 %extend, i64 %filled, i64 %sum
  ret i64 %result
trouble:
  %past = add i64 %end, 1
  store i64 %past, ptr %at
  ret i64 0
}

; Moves *at behind a number in LEB128 of at most 10 bytes, with a sign or without.
define internal void @pass(ptr %info, ptr %at, i64 %end) alwaysinline {
entry:
  %here = load i64, ptr %at
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %i1, %read ]
  %offset = add i64 %here, %i
  %inside = icmp ult i64 %offset, %end
  %short = icmp ult i64 %i, 10
  %go = and i1 %inside, %short
  br i1 %go, label %read, label %trouble
read:
  %place = getelementptr i8, ptr %info, i64 %offset
  %byte = load i8, ptr %place
  %i1 = add i64 %i, 1
  %ends = icmp ult i8 %byte, 128
  br i1 %ends, label %done, label %next
done:
  %behind = add i64 %offset, 1
  store i64 %behind, ptr %at
  ret void
trouble:
  %past = add i64 %end, 1
  store i64 %past, ptr %at
  ret void
}

; A little-endian number of up to 8 bytes at *at, which moves behind it.
define internal i64 @fixed(ptr %info, ptr %at, i64 %end, i64 %size) alwaysinline {
entry:
  %here = load i64, ptr %at
  %behind = add i64 %here, %size
  store i64 %behind, ptr %at
  %inside = icmp ule i64 %behind, %end
  br i1 %inside, label %next, label %outside
next:
  %i = phi i64 [ 0, %entry ], [ %i1, %read ]
  %value = phi i64 [ 0, %entry ], [ %sum, %read ]
  %more = icmp ult i64 %i, %size
  br i1 %more, label %read, label %done
read:
  %offset = add i64 %here, %i
  %place = getelementptr i8, ptr %info, i64 %offset
  %byte = load i8, ptr %place
  %wide = zext i8 %byte to i64
  %shift = shl i64 %i, 3
  %part = shl i64 %wide, %shift
  %sum = or i64 %value, %part
  %i1 = add i64 %i, 1
  br label %next
done:
  ret i64 %value
outside:
  ret i64 0
}

; `size` bytes at *at as one word, their offset below their size; *at moves behind them.
define internal i64 @bytes(ptr %at, i64 %end, i64 %size) alwaysinline {
entry:
  %here = load i64, ptr %at
  %before = icmp ule i64 %here, %end
  %room = sub i64 %end, %here
  %enough = icmp ule i64 %size, %room
  %fits = and i1 %before, %enough
  br i1 %fits, label %move, label %trouble
move:
  %behind = add i64 %here, %size
  store i64 %behind, ptr %at
  %high = shl i64 %size, 32
  %word = or i64 %high, %here
  ret i64 %word
trouble:
  %past = add i64 %end, 1
  store i64 %past, ptr %at
  ret i64 0
}

; A string at *at as one word, its offset below its length; *at moves behind its NUL.
define internal i64 @string(ptr %info, ptr %at, i64 %end) alwaysinline {
entry:
  %here = load i64, ptr %at
  br label %next
next:
  %i = phi i64 [ %here, %entry ], [ %i1, %read ]
  %inside = icmp ult i64 %i, %end
  br i1 %inside, label %read, label %trouble
read:
  %place = getelementptr i8, ptr %info, i64 %i
  %byte = load i8, ptr %place
  %i1 = add i64 %i, 1
  %nul = icmp eq i8 %byte, 0
  br i1 %nul, label %done, label %next
done:
  store i64 %i1, ptr %at
  %size = sub i64 %i, %here
  %high = shl i64 %size, 32
  %word = or i64 %high, %here
  ret i64 %word
trouble:
  %past = add i64 %end, 1
  store i64 %past, ptr %at
  ret i64 0
}

; Reads entries from *start up to `end`, of which `info` has that many bytes at least, and writes a row for each that is
; kept, `room` at most. Gives the number of rows; *start is where it stopped: at the end, or where a row found no room,
; or at the entry that makes no sense.
define i64 @skim(ptr %info, ptr %start, i64 %end, ptr %starts, i64 %codes, ptr %steps, ptr %rows, i64 %room) {
entry:
  %at = alloca i64
  %count = alloca i64
  %step = alloca i64
  store i64 0, ptr %count
  %first = load i64, ptr %start
  store i64 %first, ptr %at
  br label %entry_

entry_:
  %here = load i64, ptr %at
  store i64 %here, ptr %start
  %n = load i64, ptr %count
  %inside = icmp ult i64 %here, %end
  %free = icmp ult i64 %n, %room
  %go = and i1 %inside, %free
  br i1 %go, label %code_, label %stop
code_:
  %row = getelementptr [8 x i64], ptr %rows, i64 %n
  %code = call i64 @uleb(ptr %info, ptr %at, i64 %end)
  %none = icmp eq i64 %code, 0
  br i1 %none, label %closing, label %known
closing:                                  ; the end of children, if it is one byte
  %behind = load i64, ptr %at
  %one = add i64 %here, 1
  %single = icmp eq i64 %behind, %one
  br i1 %single, label %entry_, label %stop
known:
  %in_table = icmp ult i64 %code, %codes
  br i1 %in_table, label %look, label %stop
look:
  %start_at = getelementptr i32, ptr %starts, i64 %code
  %begin32 = load i32, ptr %start_at
  %begin = zext i32 %begin32 to i64
  %defined = icmp ne i64 %begin, 0
  store i64 %begin, ptr %step
  br i1 %defined, label %step_, label %stop

step_:
  %s = load i64, ptr %step
  %s1 = add i64 %s, 1
  store i64 %s1, ptr %step
  %step_at = getelementptr i32, ptr %steps, i64 %s
  %word32 = load i32, ptr %step_at
  %word = zext i32 %word32 to i64
  %what = and i64 %word, 15
  %size = lshr i64 %word, 8
  %slot4 = lshr i64 %word, 4
  %slot = and i64 %slot4, 7
  %cell = getelementptr i64, ptr %row, i64 %slot
  switch i64 %what, label %stop [
    i64 0, label %end_
    i64 1, label %skip_
    i64 2, label %fixed_
    i64 3, label %leb_
    i64 4, label %string_
    i64 5, label %block_
    i64 6, label %sized_
    i64 7, label %pass_
    i64 9, label %sleb_
  ]
skip_:
  %skip_from = load i64, ptr %at
  %skip_to = add i64 %skip_from, %size
  store i64 %skip_to, ptr %at
  br label %step_
fixed_:
  %number = call i64 @fixed(ptr %info, ptr %at, i64 %end, i64 %size)
  store i64 %number, ptr %cell
  br label %step_
leb_:
  %leb = call i64 @uleb(ptr %info, ptr %at, i64 %end)
  store i64 %leb, ptr %cell
  br label %step_
sleb_:
  %sleb = call i64 @sleb(ptr %info, ptr %at, i64 %end)
  store i64 %sleb, ptr %cell
  br label %step_
pass_:
  call void @pass(ptr %info, ptr %at, i64 %end)
  br label %step_
string_:
  %text = call i64 @string(ptr %info, ptr %at, i64 %end)
  store i64 %text, ptr %cell
  br label %step_
block_:                                   ; its length in LEB128
  %length = call i64 @uleb(ptr %info, ptr %at, i64 %end)
  %block = call i64 @bytes(ptr %at, i64 %end, i64 %length)
  store i64 %block, ptr %cell
  br label %step_
sized_:                                   ; its length in `size` bytes
  %sized_length = call i64 @fixed(ptr %info, ptr %at, i64 %end, i64 %size)
  %sized = call i64 @bytes(ptr %at, i64 %end, i64 %sized_length)
  store i64 %sized, ptr %cell
  br label %step_

end_:
  %reached = load i64, ptr %at
  %whole = icmp ule i64 %reached, %end
  br i1 %whole, label %file, label %stop
file:
  %dropped = icmp eq i64 %size, 0
  br i1 %dropped, label %entry_, label %keep
keep:
  store i64 %size, ptr %row
  %die_at = getelementptr i64, ptr %row, i64 1
  store i64 %here, ptr %die_at
  %n1 = add i64 %n, 1
  store i64 %n1, ptr %count
  br label %entry_
stop:
  ret i64 %n
}
