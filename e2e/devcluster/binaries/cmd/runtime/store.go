package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	pb "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"

	"tidegate.dev/e2e/devcluster/binaries/internal/task"
)

// bootMark lies on a file system that the node loses when it reboots, and with it all Pods that ran.
const bootMark = "/run/devcluster-runtime-ran"

// runtime is the whole state. mutex guards the maps, `ready` of pods, `status` and `resources` of containers; all else in those is
// fixed once they are in the maps.
type runtime struct {
	pb.UnimplementedRuntimeServiceServer
	options
	shim       string
	images     *imageTable
	network    *network
	stream     streaming.Server
	mutex      sync.Mutex
	pods       map[string]*pod
	containers map[string]*container
}

// pod is a sandbox.
type pod struct {
	id        string
	folder    string
	address   string // empty on the host's network
	pause     int    // the first process of all containers together; zero where each has its own
	createdAt int64
	config    *pb.PodSandboxConfig
	ready     bool
}

// container is one run of a container: a restart is another one.
type container struct {
	id        string
	folder    task.Folder
	pod       *pod
	createdAt int64
	config    *pb.ContainerConfig
	image     *image
	user      user
	resources *pb.LinuxContainerResources
	status    task.Status
	ended     chan struct{} // closed when status.FinishedAt is set
}

// What is kept of both on disk beside their configs.
type podRecord struct {
	Address   string `json:"address"`
	Pause     int    `json:"pause"`
	CreatedAt int64  `json:"createdAt"`
}
type containerRecord struct {
	Pod       string `json:"pod"`
	CreatedAt int64  `json:"createdAt"`
	Image     image  `json:"image"`
}

func newRuntime(o options) (*runtime, error) {
	shim, err := shimProgram()
	if err != nil {
		return nil, err
	}
	r := &runtime{options: o, shim: shim, images: newImageTable(o.images), network: newNetwork(o.podPrefix),
		pods: map[string]*pod{}, containers: map[string]*container{}}
	for _, folder := range []string{"pods", "containers", "etc"} {
		if err := os.MkdirAll(filepath.Join(o.folder, folder), 0o755); err != nil {
			return nil, err
		}
	}
	if err := writeUserFiles(filepath.Join(o.folder, "etc")); err != nil {
		return nil, err
	}
	return r, r.load()
}

// load takes up what an earlier run of this program left.
func (r *runtime) load() error {
	_, err := os.Stat(bootMark)
	rebooted := errors.Is(err, fs.ErrNotExist)
	for _, id := range names(filepath.Join(r.folder, "pods")) {
		if err := r.loadPod(id, rebooted); err != nil {
			log.Printf("pod %s is forgotten: %v", id, err) // killed while it was being made
		}
	}
	for _, id := range names(filepath.Join(r.folder, "containers")) {
		if err := r.loadContainer(id); err != nil {
			log.Printf("container %s is forgotten: %v", id, err)
		}
	}
	return os.WriteFile(bootMark, nil, 0o600)
}

func (r *runtime) loadPod(id string, rebooted bool) error {
	p := &pod{id: id, folder: r.podFolder(id), config: &pb.PodSandboxConfig{}}
	record, err := task.Read[podRecord](filepath.Join(p.folder, "pod.json"))
	if err != nil {
		return errors.Join(err, os.RemoveAll(p.folder))
	}
	if err := readMessage(filepath.Join(p.folder, "config.json"), p.config); err != nil {
		return err
	}
	_, stopped := os.Stat(filepath.Join(p.folder, "stopped"))
	p.address, p.pause, p.createdAt = record.Address, record.Pause, record.CreatedAt
	p.ready = !rebooted && errors.Is(stopped, fs.ErrNotExist)
	if p.address != "" && p.ready {
		r.network.take(p.address)
	}
	r.pods[id] = p
	return nil
}

func (r *runtime) loadContainer(id string) error {
	c := &container{id: id, folder: r.containerFolder(id), config: &pb.ContainerConfig{}, ended: make(chan struct{})}
	record, err := task.Read[containerRecord](c.folder.File("container.json"))
	if err != nil {
		return errors.Join(err, os.RemoveAll(string(c.folder)))
	}
	if err := readMessage(c.folder.File("config.json"), c.config); err != nil {
		return err
	}
	if c.pod = r.pods[record.Pod]; c.pod == nil {
		return os.RemoveAll(string(c.folder))
	}
	c.createdAt, c.image = record.CreatedAt, &record.Image
	c.user = userOf(c.config.GetLinux().GetSecurityContext(), c.image.User)
	c.resources = c.config.GetLinux().GetResources()
	if c.status, err = c.folder.Status(); err != nil {
		return err
	}
	r.containers[id] = c
	if c.status.FinishedAt != 0 {
		close(c.ended)
	} else if c.status.StartedAt != 0 {
		go r.waitForEnd(c)
	}
	return nil
}

func (r *runtime) savePod(p *pod) error {
	if err := writeMessage(filepath.Join(p.folder, "config.json"), p.config); err != nil {
		return err
	}
	return task.Write(filepath.Join(p.folder, "pod.json"), podRecord{p.address, p.pause, p.createdAt})
}

func (r *runtime) saveContainer(c *container) error {
	if err := writeMessage(c.folder.File("config.json"), c.config); err != nil {
		return err
	}
	return task.Write(c.folder.File("container.json"), containerRecord{c.pod.id, c.createdAt, *c.image})
}

func (r *runtime) podFolder(id string) string { return filepath.Join(r.folder, "pods", id) }
func (r *runtime) containerFolder(id string) task.Folder {
	return task.Folder(filepath.Join(r.folder, "containers", id))
}

func (r *runtime) pod(id string) (*pod, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if p := r.pods[id]; p != nil {
		return p, nil
	}
	return nil, status.Errorf(codes.NotFound, "no pod sandbox %s", id)
}

func (r *runtime) container(id string) (*container, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if c := r.containers[id]; c != nil {
		return c, nil
	}
	return nil, status.Errorf(codes.NotFound, "no container %s", id)
}

// containersOf returns a Pod's containers.
func (r *runtime) containersOf(p *pod) []*container {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var found []*container
	for _, c := range r.containers {
		if c.pod == p {
			found = append(found, c)
		}
	}
	return found
}

// running returns a container's first process. Fails when it does not run.
func (r *runtime) running(id string) (*container, int, error) {
	c, err := r.container(id)
	if err != nil {
		return nil, 0, err
	}
	s := r.statusOf(c)
	if s.StartedAt == 0 || s.FinishedAt != 0 {
		return nil, 0, status.Errorf(codes.FailedPrecondition, "container %s is not running", id)
	}
	return c, s.Pid, nil
}

func (r *runtime) statusOf(c *container) task.Status {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return c.status
}

func newID() string {
	random := make([]byte, 16)
	rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

func names(folder string) []string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		log.Print(err)
	}
	found := make([]string, len(entries))
	for i, entry := range entries {
		found[i] = entry.Name()
	}
	return found
}

func readMessage(path string, message proto.Message) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, message)
}

func writeMessage(path string, message proto.Message) error {
	data, err := protojson.Marshal(message)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, data, 0o600)
}
