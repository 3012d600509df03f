# To be included by a Makefile whose programs are made in bin/: `make bin/shop.seyp` builds the probe when the spec or the
# program has changed.
bin/%.seyp: %.sey bin/%
	sey build $^ -o $@
