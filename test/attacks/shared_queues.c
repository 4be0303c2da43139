// SPDX-License-Identifier: Apache-2.0
// Tries:      the queues, semaphores and memory that programs of the host share by a number or by a name: System V and POSIX.
// Known from: namespaces(7), IPC; --ipc=host in containers. `shared_queues serve KEY` is the program of the host's.
// Must:       fail: an ipc namespace of its own, and the queues' file system is not in the view.
// Control:    plain, with the host's program
// Argument:   KEY; or serve KEY
// Behind:     the filter is not what holds this
#include "attack.h"
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

int main(int argc, char **argv) {
  if (argc < 2) untried("KEY");
  key_t key = (key_t)atol(argv[argc - 1]);
  char name[32];
  snprintf(name, sizeof name, "/rvisor-%d", key);
  if (argc > 2) {
    int memory = shmget(key, 4096, IPC_CREAT | 0666), queue = msgget(key, IPC_CREAT | 0666), semaphore = semget(key, 1, IPC_CREAT | 0666);
    mqd_t posix = mq_open(name, O_CREAT | O_RDWR, 0666, NULL);
    if (memory < 0 || queue < 0 || semaphore < 0) untried("%s", strerror(errno));
    puts("serving"), fflush(stdout);
    getchar();
    shmctl(memory, IPC_RMID, NULL), msgctl(queue, IPC_RMID, NULL), semctl(semaphore, 0, IPC_RMID);
    if (posix != (mqd_t)-1) mq_unlink(name);
    return 0;
  }
  if (shmget(key, 0, 0) >= 0) won("the host's memory");
  if (msgget(key, 0) >= 0) won("the host's queue");
  if (semget(key, 0, 0) >= 0) won("the host's semaphore");
  if (mq_open(name, O_RDONLY) != (mqd_t)-1) won("the host's POSIX queue");
  for (int id = 0; id < 64; id++) {
    struct shmid_ds segment;
    if (shmctl(id, SHM_STAT, &segment) >= 0) won("segment %d", id);
  }
  held();
}
