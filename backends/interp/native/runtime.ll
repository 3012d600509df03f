; What machine code for any program needs. `emit.py` puts it before the program's functions and the numbers of
; `context.py` into the places marked with a dollar sign. A status is 0: all is well, 1: a fault, 2: the run is ended.

declare i32 @clock_gettime(i32, ptr)
declare i64 @process_vm_readv(i32, ptr, i64, ptr, i64, i64)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i64 @llvm.umin.i64(i64, i64)
declare i64 @llvm.umax.i64(i64, i64)

; Time

define internal i64 @monotonic() #0 {
  %time = alloca [2 x i64]
  %done = call i32 @clock_gettime(i32 1, ptr %time)
  %seconds = load i64, ptr %time
  %second = getelementptr i64, ptr %time, i64 1
  %rest = load i64, ptr %second
  %whole = mul i64 %seconds, 1000000000
  %now = add i64 %whole, %rest
  ret i64 %now
}

; A status, and nanoseconds.
define internal { i64, i64 } @clock(ptr noalias %ctx) #0 {
  %place = getelementptr i64, ptr %ctx, i64 $CLOCK
  %host = load ptr, ptr %place
  %own = icmp eq ptr %host, null
  br i1 %own, label %ours, label %theirs
ours:
  %now = call i64 @monotonic()
  %at = insertvalue { i64, i64 } zeroinitializer, i64 %now, 1
  ret { i64, i64 } %at
theirs:
  %failed = call i64 %host(ptr %ctx)
  %scratch = getelementptr i64, ptr %ctx, i64 $SCRATCH
  %told = load i64, ptr %scratch
  %bad = icmp ne i64 %failed, 0
  br i1 %bad, label %trap, label %good
good:
  %given = insertvalue { i64, i64 } zeroinitializer, i64 %told, 1
  ret { i64, i64 } %given
trap:
  %why = getelementptr i64, ptr %ctx, i64 $TRAP
  store i64 $TRAP_HOST, ptr %why
  ret { i64, i64 } { i64 2, i64 0 }
}

; Whether the run has to end: time to look at the clock.
define internal i1 @look(ptr noalias %ctx) noinline cold #0 {
  %turns = getelementptr i64, ptr %ctx, i64 $TURNS
  store i64 $TURNS_A_LOOK, ptr %turns
  %place = getelementptr i64, ptr %ctx, i64 $STOP
  %stop = load i64, ptr %place
  %now = call i64 @monotonic()
  %late = icmp ugt i64 %now, %stop
  br i1 %late, label %trap, label %on
on:
  ret i1 false
trap:
  %why = getelementptr i64, ptr %ctx, i64 $TRAP
  store i64 $TRAP_LATE, ptr %why
  ret i1 true
}

; Dicts

; The slot of a key, not 0: where it is, or the free one where it would be.
define internal ptr @slot(ptr noalias %ctx, ptr %dict, i64 %key) #0 {
  %table = load ptr, ptr %dict
  %last = getelementptr i64, ptr %dict, i64 1
  %mask = load i64, ptr %last
  %home = call i64 @home(ptr %ctx, i64 %key, i64 %mask)
  br label %look
look:
  %at = phi i64 [ %home, %0 ], [ %next, %other ]
  %word = shl i64 %at, 1
  %slot = getelementptr i64, ptr %table, i64 %word
  %found = load i64, ptr %slot
  %same = icmp eq i64 %found, %key
  %free = icmp eq i64 %found, 0
  %done = or i1 %same, %free
  br i1 %done, label %here, label %other
other:
  %more = add i64 %at, 1
  %next = and i64 %more, %mask
  br label %look
here:
  ret ptr %slot
}

; The slot where the search for a key starts.
define internal i64 @home(ptr noalias %ctx, i64 %key, i64 %mask) alwaysinline #0 {
  %place = getelementptr i64, ptr %ctx, i64 $SEED
  %seed = load i64, ptr %place
  %a = xor i64 %key, %seed
  %a1 = lshr i64 %a, 33
  %b = xor i64 %a, %a1
  %c = mul i64 %b, -49064778989728563
  %c1 = lshr i64 %c, 33
  %d = xor i64 %c, %c1
  %e = mul i64 %d, -4265267296055464877
  %e1 = lshr i64 %e, 33
  %f = xor i64 %e, %e1
  %home = and i64 %f, %mask
  ret i64 %home
}

define internal i64 @get(ptr noalias %ctx, ptr %dict, i64 %key, i64 %default) #0 {
  %zero = icmp eq i64 %key, 0
  br i1 %zero, label %apart, label %usual
apart:
  %place = getelementptr i64, ptr %dict, i64 4
  %there = load i64, ptr %place
  %behind = getelementptr i64, ptr %dict, i64 5
  %kept = load i64, ptr %behind
  %has = icmp ne i64 %there, 0
  %its = select i1 %has, i64 %kept, i64 %default
  ret i64 %its
usual:
  %slot = call ptr @slot(ptr %ctx, ptr %dict, i64 %key)
  %found = load i64, ptr %slot
  %next = getelementptr i64, ptr %slot, i64 1
  %value = load i64, ptr %next
  %free = icmp eq i64 %found, 0
  %result = select i1 %free, i64 %default, i64 %value
  ret i64 %result
}

; 1 where there was room.
define internal i64 @put(ptr noalias %ctx, ptr %dict, i64 %key, i64 %value) #0 {
  %count = getelementptr i64, ptr %dict, i64 2
  %entries = load i64, ptr %count
  %most = getelementptr i64, ptr %dict, i64 3
  %capacity = load i64, ptr %most
  %room = icmp ult i64 %entries, %capacity
  %zero = icmp eq i64 %key, 0
  br i1 %zero, label %apart, label %usual
apart:
  %there = getelementptr i64, ptr %dict, i64 4
  %behind = getelementptr i64, ptr %dict, i64 5
  br label %known
usual:
  %slot = call ptr @slot(ptr %ctx, ptr %dict, i64 %key)
  %next = getelementptr i64, ptr %slot, i64 1
  br label %known
known:
  %mark = phi ptr [ %there, %apart ], [ %slot, %usual ]
  %tell = phi i64 [ 1, %apart ], [ %key, %usual ]
  %place = phi ptr [ %behind, %apart ], [ %next, %usual ]
  %found = load i64, ptr %mark
  %new = icmp eq i64 %found, 0
  br i1 %new, label %add, label %write
add:
  br i1 %room, label %begin, label %full
begin:
  %more = add i64 %entries, 1
  store i64 %more, ptr %count
  store i64 %tell, ptr %mark
  br label %write
write:
  store i64 %value, ptr %place
  ret i64 1
full:
  ret i64 0
}

define internal void @delete(ptr noalias %ctx, ptr %dict, i64 %key) #0 {
  %count = getelementptr i64, ptr %dict, i64 2
  %entries = load i64, ptr %count
  %fewer = sub i64 %entries, 1
  %zero = icmp eq i64 %key, 0
  br i1 %zero, label %apart, label %usual
apart:
  %mark = getelementptr i64, ptr %dict, i64 4
  %there = load i64, ptr %mark
  %has = icmp ne i64 %there, 0
  br i1 %has, label %unmark, label %done
unmark:
  store i64 0, ptr %mark
  store i64 %fewer, ptr %count
  ret void
usual:
  %slot = call ptr @slot(ptr %ctx, ptr %dict, i64 %key)
  %found = load i64, ptr %slot
  %missing = icmp eq i64 %found, 0
  br i1 %missing, label %done, label %close
close:
  store i64 %fewer, ptr %count
  %table = load ptr, ptr %dict
  %last = getelementptr i64, ptr %dict, i64 1
  %mask = load i64, ptr %last
  %from = ptrtoint ptr %slot to i64
  %start = ptrtoint ptr %table to i64
  %bytes = sub i64 %from, %start
  %first = lshr i64 %bytes, 4
  br label %next
; What follows the hole and may lie in it moves into it, so that no search ends too early.
next:
  %hole = phi i64 [ %first, %close ], [ %hole, %keep ], [ %at, %move ]
  %before = phi i64 [ %first, %close ], [ %at, %keep ], [ %at, %move ]
  %step = add i64 %before, 1
  %at = and i64 %step, %mask
  %word = shl i64 %at, 1
  %here = getelementptr i64, ptr %table, i64 %word
  %its = load i64, ptr %here
  %hole.word = shl i64 %hole, 1
  %hole.here = getelementptr i64, ptr %table, i64 %hole.word
  %end = icmp eq i64 %its, 0
  br i1 %end, label %clear, label %judge
judge:
  %home = call i64 @home(ptr %ctx, i64 %its, i64 %mask)
  %a = sub i64 %at, %home
  %far = and i64 %a, %mask
  %b = sub i64 %at, %hole
  %gap = and i64 %b, %mask
  %fits = icmp uge i64 %far, %gap
  br i1 %fits, label %move, label %keep
keep:
  br label %next
move:
  call void @llvm.memcpy.p0.p0.i64(ptr %hole.here, ptr %here, i64 16, i1 false)
  br label %next
clear:
  store i64 0, ptr %hole.here
  ret void
done:
  ret void
}

; The host puts entries into a dict, by the dict's first word: keys and values in turns.
define void @fill(ptr noalias %ctx, i64 %word, ptr %entries, i64 %count) #0 {
  %dict = getelementptr i64, ptr %ctx, i64 %word
  br label %next
next:
  %at = phi i64 [ 0, %0 ], [ %more, %one ]
  %left = icmp ult i64 %at, %count
  br i1 %left, label %one, label %done
one:
  %first = shl i64 %at, 1
  %key.place = getelementptr i64, ptr %entries, i64 %first
  %value.place = getelementptr i64, ptr %key.place, i64 1
  %key = load i64, ptr %key.place
  %value = load i64, ptr %value.place
  %put = call i64 @put(ptr %ctx, ptr %dict, i64 %key, i64 %value)
  %more = add i64 %at, 1
  br label %next
done:
  ret void
}

; The target

; The entry of a page: where it is, or the free one where it would be.
define internal ptr @entry(ptr noalias %ctx, i64 %page) #0 {
  %place = getelementptr i64, ptr %ctx, i64 $PAGES
  %table = load ptr, ptr %place
  %seed.place = getelementptr i64, ptr %ctx, i64 $SEED
  %seed = load i64, ptr %seed.place
  %odd = or i64 %seed, 1
  %wanted = add i64 %page, 1
  %mixed = mul i64 %page, %odd
  %home = lshr i64 %mixed, $PAGE_SHIFT
  br label %look
look:
  %at = phi i64 [ %home, %0 ], [ %next, %other ]
  %word = shl i64 %at, 1
  %entry = getelementptr i64, ptr %table, i64 %word
  %found = load i64, ptr %entry
  %same = icmp eq i64 %found, %wanted
  %free = icmp eq i64 %found, 0
  %done = or i1 %same, %free
  br i1 %done, label %here, label %other
other:
  %more = add i64 %at, 1
  %next = and i64 %more, $PAGE_MASK
  br label %look
here:
  ret ptr %entry
}

define internal void @know(ptr noalias %ctx, i64 %page, i64 %pointer) #0 {
  %entry = call ptr @entry(ptr %ctx, i64 %page)
  %found = load i64, ptr %entry
  %new = icmp eq i64 %found, 0
  %one = zext i1 %new to i64
  %place = getelementptr i64, ptr %ctx, i64 $SEEN
  %before = load i64, ptr %place
  %after = add i64 %before, %one
  store i64 %after, ptr %place
  %mark = add i64 %page, 1
  store i64 %mark, ptr %entry
  %behind = getelementptr i64, ptr %entry, i64 1
  store i64 %pointer, ptr %behind
  ret void
}

; Where the bytes of a page are. 0: it can't be read, or the run is ended; 1: only single reads can tell.
define internal i64 @page(ptr noalias %ctx, i64 %page) #0 {
  %last.place = getelementptr i64, ptr %ctx, i64 $LAST_PAGE
  %last = load i64, ptr %last.place
  %pointer.place = getelementptr i64, ptr %ctx, i64 $LAST_POINTER
  %same = icmp eq i64 %last, %page
  br i1 %same, label %again, label %look
again:
  %shortcut = load i64, ptr %pointer.place
  ret i64 %shortcut
look:
  %entry = call ptr @entry(ptr %ctx, i64 %page)
  %found = load i64, ptr %entry
  %behind = getelementptr i64, ptr %entry, i64 1
  %pointer = load i64, ptr %behind
  %seen = icmp ne i64 %found, 0
  %here = icmp ne i64 %pointer, 2
  %known = and i1 %seen, %here
  br i1 %known, label %use, label %ask
ask:
  %asked = call i64 @ask(ptr %ctx, i64 %page)
  br label %use
use:
  %result = phi i64 [ %pointer, %look ], [ %asked, %ask ]
  %real = icmp ugt i64 %result, 2
  br i1 %real, label %remember, label %done
remember:
  store i64 %page, ptr %last.place
  store i64 %result, ptr %pointer.place
  br label %done
done:
  ret i64 %result
}

; The same of a page that isn't known: read it, or ask the host.
define internal i64 @ask(ptr noalias %ctx, i64 %page) noinline #0 {
  %place = getelementptr i64, ptr %ctx, i64 $THREAD
  %thread = load i64, ptr %place
  %own = icmp ne i64 %thread, 0
  br i1 %own, label %read, label %host
read:
  %got = call i64 @take(ptr %ctx, i64 %thread, i64 %page)
  %found = icmp ne i64 %got, 0
  br i1 %found, label %done, label %host
done:
  ret i64 %got
host:
  %told = call i64 @ask.host(ptr %ctx, i64 %page)
  ret i64 %told
}

; Read a page and those behind it in its block into the ring. 0 where it can't be read.
define internal i64 @take(ptr noalias %ctx, i64 %thread, i64 %page) #0 {
  call void @forget(ptr %ctx)
  %ring.place = getelementptr i64, ptr %ctx, i64 $RING
  %ring = load ptr, ptr %ring.place
  %owners.place = getelementptr i64, ptr %ctx, i64 $OWNERS
  %owners = load ptr, ptr %owners.place
  %next.place = getelementptr i64, ptr %ctx, i64 $RING_NEXT
  %next = load i64, ptr %next.place
  %in.block = and i64 %page, $BLOCK_LAST
  %pages = sub i64 $BLOCK, %in.block
  %behind = add i64 %next, %pages
  %fits = icmp ule i64 %behind, $RING_PAGES
  %slot = select i1 %fits, i64 %next, i64 0
  %last.place = getelementptr i64, ptr %ctx, i64 $LAST_PAGE
  store i64 -1, ptr %last.place
  br label %evict
evict:
  %e = phi i64 [ 0, %0 ], [ %e1, %evicted ]
  %e.slot = add i64 %slot, %e
  %owner.place = getelementptr i64, ptr %owners, i64 %e.slot
  %owner = load i64, ptr %owner.place
  %held = icmp ne i64 %owner, 0
  br i1 %held, label %gone, label %evicted
gone:
  %was = sub i64 %owner, 1
  %entry = call ptr @entry(ptr %ctx, i64 %was)
  %pointer.place = getelementptr i64, ptr %entry, i64 1
  store i64 2, ptr %pointer.place
  store i64 0, ptr %owner.place
  br label %evicted
evicted:
  %e1 = add i64 %e, 1
  %e.more = icmp ult i64 %e1, %pages
  br i1 %e.more, label %evict, label %fetch
fetch:
  %vectors = alloca [4 x i64]
  %v1 = getelementptr i64, ptr %vectors, i64 1
  %v2 = getelementptr i64, ptr %vectors, i64 2
  %v3 = getelementptr i64, ptr %vectors, i64 3
  %offset = shl i64 %slot, 12
  %to = getelementptr i8, ptr %ring, i64 %offset
  %start = ptrtoint ptr %to to i64
  %length = shl i64 %pages, 12
  %address = shl i64 %page, 12
  store i64 %start, ptr %vectors
  store i64 %length, ptr %v1
  store i64 %address, ptr %v2
  store i64 %length, ptr %v3
  %id = trunc i64 %thread to i32
  %bytes = call i64 @process_vm_readv(i32 %id, ptr %vectors, i64 1, ptr %v2, i64 1, i64 0)
  %whole = ashr i64 %bytes, 12
  %some = icmp sgt i64 %whole, 0
  br i1 %some, label %note, label %none
note:
  %n = phi i64 [ 0, %fetch ], [ %n1, %note ]
  %its = add i64 %page, %n
  %n.slot = add i64 %slot, %n
  %n.offset = shl i64 %n, 12
  %pointer = add i64 %start, %n.offset
  call void @know(ptr %ctx, i64 %its, i64 %pointer)
  %mark = add i64 %its, 1
  %mine = getelementptr i64, ptr %owners, i64 %n.slot
  store i64 %mark, ptr %mine
  %n1 = add i64 %n, 1
  %n.more = icmp ult i64 %n1, %whole
  br i1 %n.more, label %note, label %ready
ready:
  %after = add i64 %slot, %whole
  store i64 %after, ptr %next.place
  ret i64 %start
none:
  ret i64 0
}

; Forget all pages where the table of them is full.
define internal void @forget(ptr noalias %ctx) #0 {
  %place = getelementptr i64, ptr %ctx, i64 $SEEN
  %seen = load i64, ptr %place
  %full = icmp ugt i64 %seen, $PAGE_LIMIT
  br i1 %full, label %clear, label %done
clear:
  store i64 0, ptr %place
  %table.place = getelementptr i64, ptr %ctx, i64 $PAGES
  %table = load ptr, ptr %table.place
  call void @llvm.memset.p0.i64(ptr %table, i8 0, i64 $TABLE_BYTES, i1 false)
  %owners.place = getelementptr i64, ptr %ctx, i64 $OWNERS
  %owners = load ptr, ptr %owners.place
  call void @llvm.memset.p0.i64(ptr %owners, i8 0, i64 $RING_BYTES, i1 false)
  br label %done
done:
  ret void
}

; What the host knows of a page.
define internal i64 @ask.host(ptr noalias %ctx, i64 %page) #0 {
  %place = getelementptr i64, ptr %ctx, i64 $WINDOW
  %host = load ptr, ptr %place
  %none = icmp eq ptr %host, null
  br i1 %none, label %single, label %window
single:
  ret i64 1
window:
  %address = shl i64 %page, 12
  %failed = call i64 %host(ptr %ctx, i64 %address)
  %bad = icmp ne i64 %failed, 0
  br i1 %bad, label %trap, label %told
trap:
  %why = getelementptr i64, ptr %ctx, i64 $TRAP
  store i64 $TRAP_HOST, ptr %why
  ret i64 0
told:
  %first.place = getelementptr i64, ptr %ctx, i64 $PIECE
  %first = load i64, ptr %first.place
  %pages.place = getelementptr i64, ptr %ctx, i64 $PIECE_PAGES
  %pages = load i64, ptr %pages.place
  %pointer.place = getelementptr i64, ptr %ctx, i64 $PIECE_POINTER
  %pointer = load i64, ptr %pointer.place
  %empty = icmp eq i64 %pages, 0
  br i1 %empty, label %unreadable, label %stretch
unreadable:
  call void @know(ptr %ctx, i64 %page, i64 %pointer)
  ret i64 %pointer
stretch:
  %end = add i64 %first, %pages
  %block = lshr i64 %page, $NEIGHBOURS_LOG2
  %block.start = shl i64 %block, $NEIGHBOURS_LOG2
  %block.end = add i64 %block.start, $NEIGHBOURS
  %from = call i64 @llvm.umax.i64(i64 %first, i64 %block.start)
  %to = call i64 @llvm.umin.i64(i64 %end, i64 %block.end)
  br label %next
next:
  %at = phi i64 [ %from, %stretch ], [ %more, %one ]
  %left = icmp ult i64 %at, %to
  br i1 %left, label %one, label %done
one:
  %ahead = sub i64 %at, %first
  %bytes = shl i64 %ahead, 12
  %here = add i64 %pointer, %bytes
  call void @know(ptr %ctx, i64 %at, i64 %here)
  %more = add i64 %at, 1
  br label %next
done:
  %its = sub i64 %page, %first
  %its.bytes = shl i64 %its, 12
  %result = add i64 %pointer, %its.bytes
  ret i64 %result
}

; Bytes of the target, not none; all zero where one can't be read. A status.
define internal i64 @pull(ptr noalias %ctx, ptr %to, i64 %address, i64 %length) #0 {
  %turns = getelementptr i64, ptr %ctx, i64 $TURNS
  %turn = load i64, ptr %turns
  %cost = lshr i64 %length, 12
  %spent = sub i64 %turn, %cost
  store i64 %spent, ptr %turns
  %less = sub i64 %length, 1
  %end = add i64 %address, %less
  %wraps = icmp ult i64 %end, %address
  br i1 %wraps, label %zero, label %next
next:
  %done = phi i64 [ 0, %0 ], [ %more, %take ]
  %here = add i64 %address, %done
  %page = lshr i64 %here, 12
  %start = and i64 %here, 4095
  %rest = sub i64 4096, %start
  %left = sub i64 %length, %done
  %part = call i64 @llvm.umin.i64(i64 %rest, i64 %left)
  %pointer = call i64 @page(ptr %ctx, i64 %page)
  %real = icmp ugt i64 %pointer, 1
  br i1 %real, label %take, label %special
take:
  %bytes = inttoptr i64 %pointer to ptr
  %source = getelementptr i8, ptr %bytes, i64 %start
  %place = getelementptr i8, ptr %to, i64 %done
  call void @llvm.memcpy.p0.p0.i64(ptr %place, ptr %source, i64 %part, i1 false)
  %more = add i64 %done, %part
  %all = icmp eq i64 %more, %length
  br i1 %all, label %ok, label %next
ok:
  ret i64 0
special:
  %single = icmp eq i64 %pointer, 1
  br i1 %single, label %read, label %trouble
read:
  %host.place = getelementptr i64, ptr %ctx, i64 $READ
  %host = load ptr, ptr %host.place
  %status = call i64 %host(ptr %ctx, i64 %address, i64 %length, ptr %to)
  %good = icmp eq i64 %status, 0
  br i1 %good, label %ok, label %refused
refused:
  %failed = icmp eq i64 %status, 2
  br i1 %failed, label %trap, label %zero
trap:
  %why = getelementptr i64, ptr %ctx, i64 $TRAP
  store i64 $TRAP_HOST, ptr %why
  br label %trouble
trouble:
  %reason.place = getelementptr i64, ptr %ctx, i64 $TRAP
  %reason = load i64, ptr %reason.place
  %ended = icmp ne i64 %reason, 0
  br i1 %ended, label %end.run, label %zero
end.run:
  ret i64 2
zero:
  call void @llvm.memset.p0.i64(ptr %to, i8 0, i64 %length, i1 false)
  ret i64 1
}

define internal i64 @copy(ptr noalias %ctx, ptr %to, i64 %address, i64 %length) #0 {
  %none = icmp eq i64 %length, 0
  br i1 %none, label %done, label %some
some:
  %status = call i64 @pull(ptr %ctx, ptr %to, i64 %address, i64 %length)
  ret i64 %status
done:
  ret i64 0
}

; A status, and the number of so many bytes.
define internal { i64, i64 } @read(ptr noalias %ctx, i64 %address, i64 %length) alwaysinline #0 {
  %last.place = getelementptr i64, ptr %ctx, i64 $LAST_PAGE
  %last = load i64, ptr %last.place
  %page = lshr i64 %address, 12
  %same = icmp eq i64 %page, %last
  %start = and i64 %address, 4095
  %behind = add i64 %start, %length
  %inside = icmp ule i64 %behind, 4096
  %quick = and i1 %same, %inside
  %word = alloca i64
  store i64 0, ptr %word
  br i1 %quick, label %here, label %far
here:
  %pointer.place = getelementptr i64, ptr %ctx, i64 $LAST_POINTER
  %bytes = load ptr, ptr %pointer.place
  %source = getelementptr i8, ptr %bytes, i64 %start
  call void @llvm.memcpy.p0.p0.i64(ptr %word, ptr %source, i64 %length, i1 false)
  %quickly = load i64, ptr %word
  %number = insertvalue { i64, i64 } zeroinitializer, i64 %quickly, 1
  ret { i64, i64 } %number
far:
  %slow = call { i64, i64 } @read.slowly(ptr %ctx, i64 %address, i64 %length)
  ret { i64, i64 } %slow
}

define internal { i64, i64 } @read.slowly(ptr noalias %ctx, i64 %address, i64 %length) noinline #0 {
  %word = alloca i64
  store i64 0, ptr %word
  %status = call i64 @pull(ptr %ctx, ptr %word, i64 %address, i64 %length)
  %number = load i64, ptr %word
  %with = insertvalue { i64, i64 } zeroinitializer, i64 %status, 0
  %result = insertvalue { i64, i64 } %with, i64 %number, 1
  ret { i64, i64 } %result
}

; Output

; The position of a new record, by the first word of its stream and its number + 1; all bits set where output is full.
define internal i64 @claim(ptr noalias %ctx, ptr %stream, i32 %mark, i64 %size) #0 {
  %base.place = getelementptr i64, ptr %ctx, i64 $OUTPUT
  %base = load ptr, ptr %base.place
  %used.place = getelementptr i64, ptr %stream, i64 1
  %page = load i64, ptr %stream
  %used = load i64, ptr %used.place
  %wanted = add i64 %used, %size
  %open = icmp ne i64 %page, 0
  %small = icmp ule i64 %wanted, 262144
  %fits = and i1 %open, %small
  br i1 %fits, label %write, label %new
new:
  %claimed.place = getelementptr i64, ptr %ctx, i64 $CLAIMED
  %claimed = load i64, ptr %claimed.place
  %room.place = getelementptr i64, ptr %ctx, i64 $ROOM
  %room = load i64, ptr %room.place
  %more = icmp ult i64 %claimed, %room
  br i1 %more, label %begin, label %full
begin:
  %after = add i64 %claimed, 262144
  store i64 %after, ptr %claimed.place
  %header = getelementptr i8, ptr %base, i64 %claimed
  store i32 %mark, ptr %header
  %number = lshr i64 %after, 18
  store i64 %number, ptr %stream
  br label %write
write:
  %in = phi i64 [ %page, %0 ], [ %number, %begin ]
  %at = phi i64 [ %used, %0 ], [ 16, %begin ]
  %behind = add i64 %at, %size
  store i64 %behind, ptr %used.place
  %index = sub i64 %in, 1
  %start = shl i64 %index, 18
  %head = getelementptr i8, ptr %base, i64 %start
  %length.place = getelementptr i8, ptr %head, i64 4
  %length = sub i64 %behind, 16
  %length32 = trunc i64 %length to i32
  store i32 %length32, ptr %length.place
  %position = add i64 %start, %at
  ret i64 %position
full:
  ret i64 -1
}
