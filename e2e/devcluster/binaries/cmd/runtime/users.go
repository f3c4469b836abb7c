package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	pb "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// user is who a container's processes are. There is one user in each container: all files look like his.
type user struct{ uid, gid int64 }

// userOf gives the Pod's word precedence over the image's, which is "uid" or "uid:gid". As in containerd, a Pod that
// names a user and no group gets the group that belongs to that user in the image, else 0.
func userOf(sc *pb.LinuxContainerSecurityContext, imageUser string) user {
	ofImage := parseUser(imageUser)
	u := ofImage
	if named := sc.GetRunAsUsername(); named != "" {
		u = parseUser(named)
	}
	if id := sc.GetRunAsUser(); id != nil {
		u = user{uid: id.Value}
	}
	if u.uid == ofImage.uid {
		u.gid = ofImage.gid
	}
	if id := sc.GetRunAsGroup(); id != nil {
		u.gid = id.Value
	}
	return u
}

func parseUser(text string) user {
	uid, gid, _ := strings.Cut(text, ":")
	var u user
	u.uid, _ = strconv.ParseInt(uid, 10, 64) // a name that is no number is root, as an image without a user is
	u.gid, _ = strconv.ParseInt(gid, 10, 64)
	return u
}

func (u user) home() string {
	switch u.uid {
	case 0:
		return "/root"
	case 65532:
		return "/home/nonroot"
	}
	return "/"
}

// userFiles are what every image has in /etc.
var userFiles = map[string]string{
	"passwd":        "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/home/nonroot:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n",
	"group":         "root:x:0:\nnonroot:x:65532:\nnogroup:x:65534:\n",
	"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}

func writeUserFiles(folder string) error {
	for name, text := range userFiles {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
