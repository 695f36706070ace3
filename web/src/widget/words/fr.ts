import type { Words } from "./words.ts";

/** Which of them it was helps a visitor little. */
const held = "Ici, quelque chose a été retenu ou modifié";

export const fr: Words = {
  delivery: {
    sending: "Envoi en cours",
    stored: "Envoyé",
    delivered: "Reçu",
    read: "Lu",
    failed: "Non envoyé",
  },
  marks: {
    waiting: "Ne peut pas encore être ouvert",
    gap: held,
    conflicting: held,
    unreadable: "Ce message n’a pas pu être ouvert",
    "removed-device": held,
    "beginning-missing": held,
  },
  send: "Envoyer",
  loading: "Chargement",
  latest: "Dernier message",
  safetyNumber: "Numéro de sécurité",
  tooLong: "Trop long de # octets. Envoyez-le en plusieurs parties.",
  notKept:
    "Cet appareil n’a pas la place de conserver le message ; il n’a pas été envoyé.",

  launcher: "Discuter avec {}",
  unread: "Messages non lus",
  close: "Fermer la discussion",
  back: "Retour",
  menu: "Plus",
  lock: "Seuls vous et {} pouvez lire ceci",
  greeting:
    "Bonjour, comment pouvons-nous vous aider ? Vous trouverez la réponse ici.",
  conversation: "Conversation",
  placeholder: "Écrire un message",
  you: "Vous",
  typing: "{} écrit",
  offline: "En attente d’une connexion.",
  kept: "Votre message est conservé sur cet appareil.",
  ending:
    "Cette discussion n’a pas été renouvelée. Elle pourrait bientôt s’arrêter.",
  closed: "Cette conversation est close. Écrivez pour la rouvrir.",
  deleted: "Cette conversation est supprimée.",
  blocked: "Cette conversation est bloquée.",
  anew: "Un nouveau message en commence une autre.",
  storageFailed:
    "Ce navigateur ne laisse rien conserver : la discussion ne peut pas fonctionner ici.",

  safetyTitle: "Privé, et comment en être sûr",
  safetyHow:
    "Vos messages sont verrouillés sur cet appareil, et seul {} en a la clé. Le service qui les transporte ne peut pas les lire.",
  safetyCompare:
    "Comparez ce numéro avec {}, par téléphone par exemple. Si vous voyez le même, personne ne s’est interposé.",

  goOn: "Continuer sur un autre appareil",
  goOnText:
    "Saisissez ce code là-bas : menu du chat, « J’ai un code ». Qui l’a peut lire et écrire ici.",
  copyCode: "Copier",
  copied: "Copié",
  haveCode: "J’ai un code",
  enter: "Continuer",
  wrongCode: "Aucune conversation n’a ce code.",

  sound: "Son",
  copy: "Enregistrer une copie",
  end: "Terminer et supprimer",
  endText:
    "Tous les messages sont effacés de cet appareil et du service. Ce que {} a déjà reçu y reste.",

  unverified:
    "La discussion de ce site n’a pas pu être vérifiée ; rien n’a été envoyé.",
  unavailable: "Cette discussion est indisponible ; rien n’a été envoyé.",
  conflict: "Cette conversation est incohérente ; plus rien n’est envoyé.",
  checkCode:
    "Demandez au propriétaire de vérifier le code de discussion de cette page.",
  otherWay: "Joignez le propriétaire autrement, par téléphone par exemple.",
  reload: "Rechargez la page et réessayez.",
};
