package main

import (
	"net"
	"net/netip"
)

var (
	ip4       = net.IPv4(192, 0, 2, 1)
	ip4Short  = net.IP{192, 0, 2, 2}
	ip6       = net.ParseIP("2001:db8::1:0:0:7")
	ip6Zero   = net.IPv6zero
	ip6One    = net.ParseIP("2001:db8:0:1:1:1:1:1")
	ip6Link   = net.ParseIP("fe80::")
	ipOdd     = net.IP{1, 2, 3}
	ipNone    net.IP
	net4      *net.IPNet
	net6      *net.IPNet
	netMask   = net.IPNet{IP: net.IPv4(10, 0, 0, 0), Mask: net.IPMask{255, 0, 255, 0}}
	netWide   = net.IPNet{IP: net.IPv4(10, 0, 0, 0), Mask: net.CIDRMask(104, 128)}
	netBad    = net.IPNet{IP: net.ParseIP("::1"), Mask: net.CIDRMask(8, 32)}
	netNone   net.IPNet
	tcp4      = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80}
	tcp6      = net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 443, Zone: "eth0"}
	tcpNone   = net.TCPAddr{Port: 8080}
	udp6      = &net.UDPAddr{IP: net.ParseIP("::1"), Port: 53}
	ipZone    = net.IPAddr{IP: net.ParseIP("fe80::2"), Zone: "lo"}
	unixNamed = &net.UnixAddr{Name: "/run/x.sock", Net: "unix"}

	addr4      = netip.MustParseAddr("192.0.2.9")
	addr6      = netip.MustParseAddr("2001:db8::9")
	addrMapped = netip.MustParseAddr("::ffff:192.0.2.9")
	addrZone   = netip.MustParseAddr("fe80::9%eth1")
	addrNone   netip.Addr
	port4      = netip.MustParseAddrPort("192.0.2.9:99")
	port6      = netip.MustParseAddrPort("[2001:db8::9]:99")
	portMapped = netip.AddrPortFrom(addrMapped, 98)
	portNone   netip.AddrPort
	prefix4    = netip.MustParsePrefix("192.0.2.0/24")
	prefix6    = netip.MustParsePrefix("2001:db8::/32")
	prefixNone netip.Prefix
)

func network() {
	_, net4, _ = net.ParseCIDR("192.0.2.0/24")
	_, net6, _ = net.ParseCIDR("2001:db8::/32")
	for name, value := range map[string]*net.IP{
		"ip4": &ip4, "ip4Short": &ip4Short, "ip6": &ip6, "ip6Zero": &ip6Zero, "ip6One": &ip6One, "ip6Link": &ip6Link, "ipOdd": &ipOdd,
	} {
		hold(name, value, value.String())
	}
	hold("ipNone", &ipNone, nil)
	for name, value := range map[string]interface{ String() string }{
		"net4": net4, "net6": net6, "netMask": &netMask, "netWide": &netWide, "netBad": &netBad, "netNone": &netNone,
		"tcp4": tcp4, "tcp6": &tcp6, "tcpNone": &tcpNone, "udp6": udp6, "ipZone": &ipZone, "unixNamed": unixNamed,
		"addr4": &addr4, "addr6": &addr6, "addrMapped": &addrMapped, "addrZone": &addrZone, "addrNone": &addrNone,
		"port4": &port4, "port6": &port6, "portMapped": &portMapped, "portNone": &portNone,
		"prefix4": &prefix4, "prefix6": &prefix6, "prefixNone": &prefixNone,
	} {
		hold(name, value, value.String())
	}
	kept = append(kept, &net4, &net6, &tcp4, &udp6, &unixNamed)
}
