package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

const firstHost, lastHost = 2, 254 // .1 is the gateway

// network gives Pods their network namespaces. A Pod is joined by a veth pair and a route of its own, with no bridge,
// so that every packet meets kube-proxy's rules.
type network struct {
	prefix string
	mutex  sync.Mutex
	used   map[int]bool
	last   int
}

func newNetwork(prefix string) *network {
	return &network{prefix: prefix, used: map[int]bool{}, last: firstHost - 1}
}

func namespaceFile(id string) string { return "/run/netns/" + id }
func (n *network) gateway() string   { return n.prefix + ".1" }

// create makes the namespace of a Pod and returns the Pod's address.
func (n *network) create(id string, sysctls map[string]string) (string, error) {
	address, err := n.allocate()
	if err != nil {
		return "", err
	}
	if err := n.connect(id, address, sysctls); err != nil {
		n.remove(id, address)
		return "", err
	}
	return address, nil
}

func (n *network) connect(id, address string, sysctls map[string]string) error {
	link, gateway := linkName(id), n.gateway()
	if err := ip("", "netns", "add", id); err != nil {
		return err
	}
	outside := []string{
		"link add " + link + " type veth peer name eth0 netns " + id,
		"addr add " + gateway + "/32 dev " + link,
		"link set " + link + " up",
		"route replace " + address + "/32 dev " + link, // a lost node's old link may still be there
	}
	inside := []string{
		"link set lo up",
		"addr add " + address + "/32 dev eth0",
		"link set eth0 up",
		"route add " + gateway + " dev eth0",
		"route add default via " + gateway,
	}
	if err := ip(strings.Join(outside, "\n"), "-batch", "-"); err != nil {
		return err
	}
	if err := ip(strings.Join(inside, "\n"), "-netns", id, "-batch", "-"); err != nil {
		return err
	}
	return inNamespace(id, func() error { return setSysctls(sysctls) })
}

// remove is idempotent.
func (n *network) remove(id, address string) {
	ip("", "link", "delete", linkName(id)) // at once: with the namespace it would go some time later
	ip("", "netns", "delete", id)
	n.mutex.Lock()
	defer n.mutex.Unlock()
	delete(n.used, hostOf(address))
}

// allocate goes round, so that an address is not given again while connections to it die.
func (n *network) allocate() (string, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for range lastHost {
		n.last++
		if n.last > lastHost {
			n.last = firstHost
		}
		if !n.used[n.last] {
			n.used[n.last] = true
			return fmt.Sprintf("%s.%d", n.prefix, n.last), nil
		}
	}
	return "", fmt.Errorf("no address is left in %s.0/24", n.prefix)
}

// take marks the address of a Pod that an earlier run made.
func (n *network) take(address string) {
	host := hostOf(address)
	n.used[host], n.last = true, max(n.last, host)
}

func hostOf(address string) int {
	var host int
	fmt.Sscanf(address[strings.LastIndex(address, ".")+1:], "%d", &host)
	return host
}

func linkName(id string) string { return "pod" + id[:12] } // the kernel allows 15 characters

func ip(input string, arguments ...string) error {
	command := exec.Command("ip", arguments...)
	command.Stdin = strings.NewReader(input)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(arguments, " "), err, output)
	}
	return nil
}

// inNamespace calls something on a thread that has joined a Pod's network and that ends with the call.
func inNamespace(id string, call func() error) error {
	result := make(chan error, 1)
	go func() {
		goruntime.LockOSThread() // never unlocked: the thread is not to be used for anything else
		result <- func() error {
			file, err := os.Open(namespaceFile(id))
			if err != nil {
				return err
			}
			defer file.Close()
			if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
				return err
			}
			return call()
		}()
	}()
	return <-result
}

// setSysctls also allows any user ports below 1024 and ping, as containerd does.
func setSysctls(wanted map[string]string) error {
	all := map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 0"}
	for key, value := range wanted {
		all[key] = value
	}
	for key, value := range all {
		if !strings.HasPrefix(key, "net.") {
			return fmt.Errorf("sysctl %s is not of the Pod's network", key)
		}
		path := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// dialLocal connects to a port of a Pod's loopback interface.
func dialLocal(p *pod, port int32) (*net.TCPConn, error) {
	var connection net.Conn
	dial := func() (err error) {
		for _, host := range []string{"127.0.0.1", "::1"} {
			if connection, err = net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(int(port)))); err == nil {
				return nil
			}
		}
		return err
	}
	run := dial
	if p.address != "" {
		run = func() error { return inNamespace(p.id, dial) }
	}
	if err := run(); err != nil {
		return nil, err
	}
	return connection.(*net.TCPConn), nil
}
