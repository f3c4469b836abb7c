package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	pb "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	tick     = 10 * time.Millisecond // of the CPU times in /proc: the kernel's USER_HZ is 100 everywhere
	pageSize = 4096
)

// usage is what all processes of a container use together.
type usage struct {
	cpu      time.Duration
	private  uint64 // bytes that no other process shares
	shared   uint64 // of the process that shares most
	children uint64
}

// usages reads /proc once and adds up by mount namespace: every container has its own.
func usages() map[string]*usage {
	all := map[string]*usage{}
	for _, name := range names("/proc") {
		if _, err := strconv.Atoi(name); err != nil {
			continue
		}
		namespace, err := os.Readlink("/proc/" + name + "/ns/mnt")
		if err != nil {
			continue // it has just ended
		}
		if all[namespace] == nil {
			all[namespace] = &usage{}
		}
		all[namespace].add("/proc/" + name)
	}
	return all
}

func (u *usage) add(folder string) {
	stat, err := os.ReadFile(folder + "/stat")
	if err != nil {
		return
	}
	statm, err := os.ReadFile(folder + "/statm")
	if err != nil {
		return
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, field := range fields[11:15] { // user and system time, of itself and of its buried children
		u.cpu += time.Duration(number(field)) * tick
	}
	memory := strings.Fields(string(statm))
	resident, shared := number(memory[1])*pageSize, number(memory[2])*pageSize
	u.private += resident - shared
	u.shared = max(u.shared, shared)
	u.children++
}

func (u *usage) memory() uint64 { return u.private + u.shared }

func number(text string) uint64 {
	value, _ := strconv.ParseUint(text, 10, 64) // the kernel wrote it
	return value
}

func (r *runtime) ContainerStats(_ context.Context, q *pb.ContainerStatsRequest) (*pb.ContainerStatsResponse, error) {
	c, _, err := r.running(q.ContainerId)
	if err != nil {
		return nil, err
	}
	return &pb.ContainerStatsResponse{Stats: r.containerStats(c, usages())}, nil
}

func (r *runtime) ListContainerStats(_ context.Context, q *pb.ListContainerStatsRequest) (*pb.ListContainerStatsResponse, error) {
	all, answer := usages(), &pb.ListContainerStatsResponse{}
	for _, c := range r.runningContainers() {
		f := q.Filter
		if f == nil || (f.Id == "" || f.Id == c.id) && (f.PodSandboxId == "" || f.PodSandboxId == c.pod.id) && hasLabels(c.config.Labels, f.LabelSelector) {
			answer.Stats = append(answer.Stats, r.containerStats(c, all))
		}
	}
	return answer, nil
}

func (r *runtime) PodSandboxStats(_ context.Context, q *pb.PodSandboxStatsRequest) (*pb.PodSandboxStatsResponse, error) {
	p, err := r.pod(q.PodSandboxId)
	if err != nil {
		return nil, err
	}
	return &pb.PodSandboxStatsResponse{Stats: r.podStats(p, usages())}, nil
}

func (r *runtime) ListPodSandboxStats(_ context.Context, q *pb.ListPodSandboxStatsRequest) (*pb.ListPodSandboxStatsResponse, error) {
	all, answer := usages(), &pb.ListPodSandboxStatsResponse{}
	for _, p := range r.readyPods() {
		f := q.Filter
		if f == nil || (f.Id == "" || f.Id == p.id) && hasLabels(p.config.Labels, f.LabelSelector) {
			answer.Stats = append(answer.Stats, r.podStats(p, all))
		}
	}
	return answer, nil
}

func (r *runtime) runningContainers() []*container {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var found []*container
	for _, c := range r.containers {
		if c.state() == pb.ContainerState_CONTAINER_RUNNING {
			found = append(found, c)
		}
	}
	return found
}

func (r *runtime) readyPods() []*pod {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var found []*pod
	for _, p := range r.pods {
		if p.ready {
			found = append(found, p)
		}
	}
	return found
}

func (r *runtime) containerStats(c *container, all map[string]*usage) *pb.ContainerStats {
	u := r.usageOf(c, all)
	return &pb.ContainerStats{
		Attributes: &pb.ContainerAttributes{Id: c.id, Metadata: c.config.Metadata, Labels: c.config.Labels, Annotations: c.config.Annotations},
		Cpu:        cpuUsage(u), Memory: memoryUsage(u),
		WritableLayer: &pb.FilesystemUsage{Timestamp: time.Now().UnixNano(), FsId: &pb.FilesystemIdentifier{Mountpoint: "/"},
			UsedBytes: &pb.UInt64Value{}, InodesUsed: &pb.UInt64Value{}},
	}
}

func (r *runtime) podStats(p *pod, all map[string]*usage) *pb.PodSandboxStats {
	total, linux := &usage{}, &pb.LinuxPodSandboxStats{}
	for _, c := range r.containersOf(p) {
		s := r.statusOf(c)
		if s.StartedAt == 0 || s.FinishedAt != 0 {
			continue
		}
		u := r.usageOf(c, all)
		total.cpu, total.private, total.children = total.cpu+u.cpu, total.private+u.memory(), total.children+u.children
		linux.Containers = append(linux.Containers, r.containerStats(c, all))
		linux.Network = networkUsage(s.Pid)
	}
	linux.Cpu, linux.Memory = cpuUsage(total), memoryUsage(total)
	linux.Process = &pb.ProcessUsage{Timestamp: time.Now().UnixNano(), ProcessCount: &pb.UInt64Value{Value: total.children}}
	return &pb.PodSandboxStats{Linux: linux,
		Attributes: &pb.PodSandboxAttributes{Id: p.id, Metadata: p.config.Metadata, Labels: p.config.Labels, Annotations: p.config.Annotations}}
}

func (r *runtime) usageOf(c *container, all map[string]*usage) *usage {
	namespace, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", r.statusOf(c).Pid))
	if u := all[namespace]; u != nil {
		return u
	}
	return &usage{} // it has just ended
}

func cpuUsage(u *usage) *pb.CpuUsage {
	return &pb.CpuUsage{Timestamp: time.Now().UnixNano(), UsageCoreNanoSeconds: &pb.UInt64Value{Value: uint64(u.cpu)}}
}

func memoryUsage(u *usage) *pb.MemoryUsage {
	used := &pb.UInt64Value{Value: u.memory()}
	return &pb.MemoryUsage{Timestamp: time.Now().UnixNano(), WorkingSetBytes: used, UsageBytes: used, RssBytes: &pb.UInt64Value{Value: u.private}}
}

// networkUsage is of the Pod's eth0, as a process in it sees it; nil when that has ended.
func networkUsage(pid int) *pb.NetworkUsage {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return nil
	}
	for _, line := range strings.Split(string(data), "\n") {
		name, counters, found := strings.Cut(strings.TrimSpace(line), ":")
		if f := strings.Fields(counters); found && name == "eth0" && len(f) > 10 {
			value := func(i int) *pb.UInt64Value { return &pb.UInt64Value{Value: number(f[i])} }
			return &pb.NetworkUsage{Timestamp: time.Now().UnixNano(), DefaultInterface: &pb.NetworkInterfaceUsage{
				Name: name, RxBytes: value(0), RxErrors: value(2), TxBytes: value(8), TxErrors: value(10)}}
		}
	}
	return nil
}
