; The number of the last of so many ascending values of $BITS bits that is at most the key; all bits set where there is none.
define internal i64 @search$BITS(ptr %values, i64 %rows, i64 %key) #0 {
  br label %next
next:
  %low = phi i64 [ 0, %0 ], [ %low.next, %half ]
  %count = phi i64 [ %rows, %0 ], [ %count.next, %half ]
  %more = icmp ne i64 %count, 0
  br i1 %more, label %half, label %done
half:
  %middle = lshr i64 %count, 1
  %at = add i64 %low, %middle
  %place = getelementptr i$BITS, ptr %values, i64 %at
  %value = load i$BITS, ptr %place, align 1
  %wide = $WIDEN
  %below = icmp ule i64 %wide, %key
  %behind = add i64 %at, 1
  %middle1 = add i64 %middle, 1
  %upper = sub i64 %count, %middle1
  %low.next = select i1 %below, i64 %behind, i64 %low
  %count.next = select i1 %below, i64 %upper, i64 %middle
  br label %next
done:
  %last = sub i64 %low, 1
  ret i64 %last
}
