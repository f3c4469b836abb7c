package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	pb "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// capabilities are what containerd leaves to root in a container.
var capabilities = []string{"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID",
	"SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"}

// machineFiles are the machine's, because the programs are: certificates, the dynamic linker's cache, and the like.
var machineFiles = []string{"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/ld.so.cache", "/etc/ld.so.conf",
	"/etc/ld.so.conf.d", "/etc/localtime", "/etc/alternatives", "/etc/mime.types", "/etc/services", "/etc/protocols"}

// commandLine is the whole of a container: everything that it is to be, as arguments of bubblewrap.
func (r *runtime) commandLine(c *container) ([]string, error) {
	mounts, err := r.mounts(c)
	if err != nil {
		return nil, err
	}
	argv := append(c.pod.joined(), r.bwrap, "--unshare-uts", "--unshare-ipc", "--die-with-parent", "--info-fd", "3", "--block-fd", "4",
		"--hostname", c.hostname())
	argv = append(argv, c.privileges()...)
	argv = append(argv, root()...)
	argv = append(argv, c.pod.processes()...)
	argv = append(argv, r.etc(c.pod)...)
	argv = append(argv, c.folders()...)
	for _, folder := range c.image.Binds {
		argv = append(argv, "--ro-bind", folder, folder)
	}
	argv = append(argv, mounts...)
	for _, folder := range c.image.Binds { // an image of this machine may lie below a volume's mount point, as in /tmp
		if c.below(folder) {
			argv = append(argv, "--ro-bind", folder, folder)
		}
	}
	if c.readOnlyRoot() || c.user.uid != 0 { // the root of a real image belongs to root
		argv = append(argv, "--remount-ro", "/")
	}
	argv = append(argv, "--clearenv")
	for _, each := range c.environment() {
		name, value, _ := strings.Cut(each, "=")
		argv = append(argv, "--setenv", name, value)
	}
	argv = append(argv, "--chdir", c.workingDir(), "--")
	return append(argv, c.program()...), nil
}

// below says whether a volume is mounted over a folder above this one.
func (c *container) below(folder string) bool {
	for _, mount := range c.config.Mounts {
		if strings.HasPrefix(folder, strings.TrimSuffix(mount.ContainerPath, "/")+"/") {
			return true
		}
	}
	return false
}

func (c *container) securityContext() *pb.LinuxContainerSecurityContext {
	return c.config.GetLinux().GetSecurityContext()
}

func (c *container) readOnlyRoot() bool { return c.securityContext().GetReadonlyRootfs() }

func (c *container) hostname() string {
	if name := c.pod.config.Hostname; name != "" {
		return name
	}
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// privileges are a user namespace in which the one user has the wanted number, and what of root's power is left.
// A privileged container stays in the cluster's own user namespace.
func (c *container) privileges() []string {
	if c.securityContext().GetPrivileged() {
		return nil
	}
	argv := []string{"--unshare-user", "--uid", strconv.FormatInt(c.user.uid, 10), "--gid", strconv.FormatInt(c.user.gid, 10),
		"--cap-drop", "ALL"}
	for _, capability := range c.capabilities() {
		argv = append(argv, "--cap-add", "CAP_"+capability)
	}
	return argv
}

// capabilities are empty for everybody but root, as the kernel has it when a program is executed.
func (c *container) capabilities() []string {
	if c.user.uid != 0 {
		return nil
	}
	wanted := c.securityContext().GetCapabilities()
	kept := slices.Clone(capabilities)
	if slices.Contains(wanted.GetDropCapabilities(), "ALL") {
		kept = nil
	}
	for _, capability := range wanted.GetDropCapabilities() {
		kept = slices.DeleteFunc(kept, func(each string) bool { return "CAP_"+each == capability || each == capability })
	}
	for _, capability := range wanted.GetAddCapabilities() {
		if name := strings.TrimPrefix(capability, "CAP_"); name != "ALL" && !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	return kept
}

// root is the machine's programs under a root folder of the container's own.
func root() []string {
	argv := []string{"--ro-bind", "/usr", "/usr"}
	for _, folder := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		if target, err := os.Readlink(folder); err == nil {
			argv = append(argv, "--symlink", target, folder)
		} else if _, err := os.Stat(folder); err == nil {
			argv = append(argv, "--ro-bind", folder, folder)
		}
	}
	return append(argv, "--dev", "/dev", "--ro-bind", "/sys", "/sys",
		"--perms", "0755", "--dir", "/run", "--perms", "0755", "--dir", "/var", "--symlink", "../run", "/var/run")
}

func (r *runtime) etc(p *pod) []string {
	argv := []string{"--ro-bind", filepath.Join(p.folder, "resolv.conf"), "/etc/resolv.conf",
		"--bind", filepath.Join(p.folder, "shm"), "/dev/shm"}
	for name := range userFiles {
		argv = append(argv, "--ro-bind", filepath.Join(r.folder, "etc", name), "/etc/"+name)
	}
	for _, file := range machineFiles {
		argv = append(argv, "--ro-bind-try", file, file)
	}
	return argv
}

// folders are those that a user other than root can write to in most images; on a read-only root he cannot either.
func (c *container) folders() []string {
	folders := append([]string{"/tmp", "/var/tmp"}, c.image.Writable...)
	if home := c.user.home(); home != "/" {
		folders = append(folders, home)
	}
	kind := "--dir"
	if c.user.uid != 0 && !c.readOnlyRoot() {
		kind = "--tmpfs"
	}
	var argv []string
	for _, folder := range folders {
		argv = append(argv, "--perms", "1777", kind, folder)
	}
	return append(argv, "--dir", c.workingDir())
}

func (r *runtime) mounts(c *container) ([]string, error) {
	var argv []string
	wanted := slices.Clone(c.config.Mounts)
	slices.SortStableFunc(wanted, func(a, b *pb.Mount) int { return depth(a) - depth(b) })
	for _, m := range wanted {
		if m.Image != nil {
			return nil, fmt.Errorf("volume at %s: image volumes are not supported by this runtime", m.ContainerPath)
		}
		if err := createMissing(m.HostPath); err != nil {
			return nil, err
		}
		kind := "--bind"
		if m.Readonly {
			kind = "--ro-bind"
		}
		argv = append(argv, kind, m.HostPath, inContainer(m.ContainerPath))
	}
	for _, d := range c.config.Devices {
		argv = append(argv, "--dev-bind-try", d.HostPath, d.ContainerPath)
	}
	return argv, nil
}

func depth(m *pb.Mount) int { return strings.Count(path.Clean(m.ContainerPath), "/") }

// inContainer knows that /var/run is a link: bubblewrap mounts on real folders only.
func inContainer(p string) string {
	clean := path.Clean(p)
	if rest, ok := strings.CutPrefix(clean, "/var/run/"); ok {
		return "/run/" + rest
	}
	return clean
}

func createMissing(hostPath string) error {
	if _, err := os.Stat(hostPath); os.IsNotExist(err) {
		return os.MkdirAll(hostPath, 0o755)
	}
	return nil
}

func (c *container) program() []string {
	command, args := c.image.Command, c.image.Args
	if len(c.config.Command) > 0 {
		command, args = c.config.Command, nil
	}
	if len(c.config.Args) > 0 {
		args = c.config.Args
	}
	return append(slices.Clone(command), args...)
}

func (c *container) workingDir() string {
	for _, folder := range []string{c.config.WorkingDir, c.image.WorkingDir} {
		if folder != "" {
			return folder
		}
	}
	return "/"
}

// environment has each name once: the Pod's word over the image's over ours.
func (c *container) environment() []string {
	all := append([]string{"PATH=" + standardPath, "HOME=" + c.user.home(), "HOSTNAME=" + c.hostname()}, c.image.Env...)
	for _, e := range c.config.Envs {
		all = append(all, e.Key+"="+string(e.Value))
	}
	position := map[string]int{}
	var unique []string
	for _, each := range all {
		name, _, _ := strings.Cut(each, "=")
		if at, known := position[name]; known {
			unique[at] = each
			continue
		}
		position[name] = len(unique)
		unique = append(unique, each)
	}
	return unique
}
